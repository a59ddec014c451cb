# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches without a broker: workers look into the table, and a hint tells them when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from canale.delivery.leases import claim


class DatabaseSource:
    """The oldest unfinished batch first."""

    take = staticmethod(claim)

    async def run(self, wake: Callable[[], None]) -> None:
        """Wait until cancelled: the publisher of a post also sends a hint, on the bus."""
        await asyncio.Event().wait()

    def finished(self, batch_id: int) -> None:
        """Nothing to do: the table has it."""

    def released(self, batch_id: int) -> None:
        """Nothing to do: the table has it."""

    async def close(self) -> None:
        """Nothing to close."""
