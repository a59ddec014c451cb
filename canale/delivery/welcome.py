# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first message to a new address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models.functions import Now

from canale.delivery.clock import SLOW_SECONDS
from canale.delivery.hints import wake_workers
from canale.delivery.models import Welcome

# Due at once, also for a worker whose reckoning of the database's clock is a little behind.
DUE = timedelta(seconds=SLOW_SECONDS)


def plan_welcome(address_id: int) -> None:
    """Inside the transaction in which the address is kept."""
    plan_welcomes([address_id])


def plan_welcomes(address_ids: Sequence[int]) -> None:
    """Inside the transaction in which the addresses are kept."""
    if not address_ids:
        return
    # By the clock of those who send them, which is not this machine's.
    Welcome.objects.bulk_create(
        [Welcome(address_id=address_id, not_before=Now() - DUE) for address_id in address_ids],
        ignore_conflicts=True,
    )
    wake_workers()
