# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The interface of every source of batches.

The table says what is unfinished. A source may lose a batch or hand it out twice: the worker that
gets one still has to claim it in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from canale.delivery.models import Batch


class BatchSource(Protocol):
    """The place where one worker gets its batches."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Run until cancelled; call ``wake``, on the event loop, when there is a batch to take."""

    def take(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        """Claim the next batch of one priority for this worker, in its database thread."""

    def finished(self, batch_id: int) -> None:
        """Forget a batch of which every address is recorded. Any thread."""

    def released(self, batch_id: int) -> None:
        """Hand a batch to other workers. Any thread."""

    async def close(self) -> None:
        """Leave what is still held to other workers, and end the connections."""
