# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An account of staff in pytest's own database, with a channel to work in."""

from __future__ import annotations

from canale.accounts.models import Membership, Role, Staff
from canale.channel.channels import create_channel

EMAIL, PASSWORD = "a@cremona.test", "acqua alta sul fiume Po"


def add_account(email: str = EMAIL, password: str = PASSWORD, role: Role = Role.ADMIN) -> Staff:
    """Someone with a role in the channel `cremona`, which is created."""
    staff = Staff.objects.create_user(email, password)
    channel = create_channel("cremona", "Cremona")
    Membership.objects.create(staff=staff, channel=channel, role=role)
    return staff
