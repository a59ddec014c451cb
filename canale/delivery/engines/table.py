# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The engine without a broker: workers look into the table, and a hint tells them when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from canale.delivery.models import Batch
from canale.delivery.queue import claim_next


class TableBatches:
    """The oldest unfinished batch first."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Nothing happens by itself: whoever publishes also sends a hint."""
        await asyncio.Event().wait()

    def take(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        return claim_next(worker, now, urgent=urgent)

    def finished(self, batch_id: int) -> None:
        """The table knows."""

    def released(self, batch_id: int) -> None:
        """The table knows."""

    async def close(self) -> None:
        """There is nothing to end."""
