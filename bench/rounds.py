# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Contenders in turns, and what their rounds say together."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence

Measurement = Mapping[str, float]
Measured = dict[str, dict[str, list[float]]]
"""Contender → name of the value → one number a round."""


def interleaved(contenders: Mapping[str, Callable[[], Measurement]], rounds: int) -> Measured:
    """Every contender once a round, every other round in the opposite order.

    What the machine does beside the benchmark meets all of them alike. A contender that fails in a
    round raises: a median over rounds that were left out would be worth nothing.
    """
    measured: Measured = {name: {} for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            started = time.monotonic()
            for key, value in contenders[name]().items():
                measured[name].setdefault(key, []).append(value)
            progress(f"round {number + 1}/{rounds} {name}: {time.monotonic() - started:.1f} s")
    return measured


def progress(said: str) -> None:
    print(f"bench: {said}", file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, so that a slow minute of the machine is in both."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
