# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A reporter that runs once a second: event loop lag, and a process's own counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from prometheus_client import Counter

from canale.metrics.definitions import LOOP_LAG, PROCESSES

logger = logging.getLogger(__name__)
SECONDS = 1.0


class DeltaCounters:
    """Add the increase of monotonic numbers to counters."""

    def __init__(self, counters: Mapping[str, Counter]) -> None:
        self._counters = counters
        self._before = dict.fromkeys(counters, 0)

    def copy(self, now: Mapping[str, int]) -> None:
        for name, counter in self._counters.items():
            counter.inc(now[name] - self._before[name])
            self._before[name] = now[name]


async def report_metrics(process: str, flush: Callable[[], None]) -> None:
    """Report until cancelled. An error in a metric must not stop the process."""
    PROCESSES.labels(process).set(1)
    lag = LOOP_LAG.labels(process)
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + SECONDS
        await asyncio.sleep(SECONDS)
        lag.observe(max(0.0, loop.time() - due))
        try:
            flush()
        except Exception:
            logger.exception("Error reporting metrics")
