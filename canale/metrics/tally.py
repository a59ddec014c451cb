# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An accumulator of one push service's responses, flushed once a second."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from canale.metrics.names import ANSWER_BOUNDS, MESSAGE_SECONDS, MESSAGES, REJECTED

OUTCOMES = ("accepted", "gone", "rejected", "retry", "unknown")


class Tally:
    """Counts of one service. Used on the event loop: a few hundred nanoseconds a message."""

    __slots__ = ("_buckets", "_codes", "_outcomes", "_seconds", "origin", "transport")

    def __init__(self, transport: str, origin: str) -> None:
        """``origin``: one of few names, never a host that a stranger chose."""
        self.transport = transport
        self.origin = origin
        self._outcomes = dict.fromkeys(OUTCOMES, 0)
        self._codes: Counter[str] = Counter()
        self._buckets = [0] * (len(ANSWER_BOUNDS) + 1)
        self._seconds = 0.0

    def add(self, outcome: str, code: int | None, seconds: float) -> None:
        """Count one message, answered or given up after ``seconds``."""
        self._outcomes[outcome] += 1
        if code is not None:
            self._buckets[bisect_left(ANSWER_BOUNDS, seconds)] += 1
            self._seconds += seconds
        if outcome == "rejected":
            self._codes["none" if code is None else str(code)] += 1

    def hand_over(self) -> None:
        """Flush the counts to the shared metrics."""
        for outcome, count in self._outcomes.items():
            MESSAGES.labels(self.transport, self.origin, outcome).inc(count)
            self._outcomes[outcome] = 0
        if any(self._buckets):
            seconds = MESSAGE_SECONDS.labels(self.transport, self.origin)
            seconds.observe_batch(self._buckets, self._seconds)
            self._buckets, self._seconds = [0] * len(self._buckets), 0.0
        for code, count in self._codes.items():
            REJECTED.labels(self.transport, code).inc(count)
        self._codes.clear()
