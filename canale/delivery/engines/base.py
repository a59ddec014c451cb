# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every engine does: it hands batches to workers. The table says what is unfinished; an engine
may lose a batch or hand it out twice, for whoever gets one still claims it in the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from canale.delivery.models import Batch


class Batches(Protocol):
    """Where one worker gets what it delivers."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Until cancelled; ``wake`` is called, on the event loop, when there is a batch to take."""

    def take(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        """Claim the next batch of one priority for this worker, in its database thread."""

    def finished(self, batch_id: int) -> None:
        """All of it is recorded. Any thread."""

    def released(self, batch_id: int) -> None:
        """Others may go on with it. Any thread."""

    async def close(self) -> None:
        """What is still held is for others; the connections end."""
