# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The roles that permit writing, publishing and administering a channel."""

from __future__ import annotations

from canale.accounts.models import Membership, Role, Staff
from canale.channel.models import Channel

WRITERS = frozenset(Role)
PUBLISHERS = frozenset({Role.PUBLISHER, Role.ADMIN})
ADMINISTRATORS = frozenset({Role.ADMIN})


def role_of(staff: Staff, channel: Channel) -> Role | None:
    rows = Membership.objects.filter(staff=staff, channel=channel)
    role = rows.values_list("role", flat=True).first()
    return Role(role) if role and staff.is_active else None


def may_write(staff: Staff, channel: Channel) -> bool:
    return role_of(staff, channel) in WRITERS


def may_administer(staff: Staff, channel: Channel) -> bool:
    return role_of(staff, channel) in ADMINISTRATORS
