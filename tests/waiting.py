# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waiting for what another process does, on a machine of any speed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds until what comes at once is said not to come. Only a failing test waits so long."""
LONGEST_PAUSE = 0.2


def wait_until(true: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """The first true answer. Fails after so many seconds.

    What takes long to find out is asked less often: others need the processor.
    """
    end = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if answer := true():
            return answer
        now = time.monotonic()
        assert now < end, f"not within {seconds} s: {true}"
        time.sleep(min(max(0.02, 4 * (now - begun)), LONGEST_PAUSE))


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait without blocking the event loop. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)
