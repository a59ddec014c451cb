# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first message to a new address."""

from __future__ import annotations

from canale.delivery.hints import wake_workers
from canale.delivery.models import Welcome


def plan_welcome(address_id: int) -> None:
    """Inside the transaction in which the address is kept."""
    Welcome.objects.get_or_create(address_id=address_id)
    wake_workers()
