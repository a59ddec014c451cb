# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counters of one push service's responses."""

from __future__ import annotations

from canale.metrics.definitions import MESSAGE_SECONDS, MESSAGES, REJECTED

OUTCOMES = ("accepted", "gone", "rejected", "retry", "unknown")


class ServiceCounters:
    """The counters of one service: about 1.6 µs a message."""

    __slots__ = ("_outcomes", "_seconds", "origin", "transport")

    def __init__(self, transport: str, origin: str) -> None:
        """``origin``: one of few names, never a host that a stranger chose."""
        self.transport = transport
        self.origin = origin
        # Here from the start, at 0, and looked up once.
        self._outcomes = {
            outcome: MESSAGES.labels(transport, origin, outcome) for outcome in OUTCOMES
        }
        self._seconds = MESSAGE_SECONDS.labels(transport, origin)

    def add(self, outcome: str, code: int | None, seconds: float) -> None:
        """Count one message, answered or given up after ``seconds``."""
        self._outcomes[outcome].inc()
        if code is not None:
            self._seconds.observe(seconds)
        if outcome == "rejected":
            REJECTED.labels(self.transport, "none" if code is None else str(code)).inc()
