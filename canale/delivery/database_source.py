# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches without a broker: workers look into the table, and a hint tells them when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from canale.delivery.leases import claim
from canale.delivery.models import Batch


class DatabaseSource:
    """The oldest unfinished batch first."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Wait until cancelled: the publisher of a post also sends a hint, on the bus."""
        await asyncio.Event().wait()

    def take(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        return claim(Batch.objects.filter(urgent=urgent), worker, now)

    def finished(self, batch_id: int) -> None:
        """Nothing to do: the table has it."""

    def released(self, batch_id: int) -> None:
        """Nothing to do: the table has it."""

    async def close(self) -> None:
        """Nothing to close."""
