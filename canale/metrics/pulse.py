# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Once a second: how late the loop is, and what a process counts for itself goes to the files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from prometheus_client import Counter

from canale.metrics.names import LOOP_LAG, PROCESSES

logger = logging.getLogger(__name__)
SECONDS = 1.0


class DeltaCounters:
    """Brings numbers that only grow into counters."""

    def __init__(self, counters: Mapping[str, Counter]) -> None:
        self._counters = counters
        self._before = dict.fromkeys(counters, 0)

    def copy(self, now: Mapping[str, int]) -> None:
        for name, counter in self._counters.items():
            counter.inc(now[name] - self._before[name])
            self._before[name] = now[name]


async def pulse(process: str, hand_over: Callable[[], None]) -> None:
    """Until cancelled. A figure that fails does not stop what it measures."""
    PROCESSES.labels(process).set(1)
    lag = LOOP_LAG.labels(process)
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + SECONDS
        await asyncio.sleep(SECONDS)
        lag.observe(max(0.0, loop.time() - due))
        try:
            hand_over()
        except Exception:
            logger.exception("Figures were not handed over")
