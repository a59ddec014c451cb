# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waiting for what another process does, on a machine of any speed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
TIMEOUT_SECONDS = 60.0
"""Only a failing test waits this long for something that comes immediately."""
MAX_PAUSE_SECONDS = 0.2


def wait_until(true: Callable[[], T], *, seconds: float = TIMEOUT_SECONDS) -> T:
    """Return the first true result; fail after ``seconds``.

    A condition that is slow to check is checked less often: others need the processor.
    """
    end = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if answer := true():
            return answer
        now = time.monotonic()
        assert now < end, f"not within {seconds} s: {true}"
        time.sleep(min(max(0.02, 4 * (now - begun)), MAX_PAUSE_SECONDS))


async def until(true: Callable[[], object], seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait without blocking the event loop. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)
