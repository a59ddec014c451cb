# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Contenders measured in turns, and statistics over their rounds."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Measurement = Mapping[str, float]


class CannotRunError(Exception):
    """A part or a contender cannot run on this machine; the message says why and what to do."""


class Values(dict[str, list[float]]):
    """One contender's values by name, one number per round; empty if it did not run."""

    def __missing__(self, name: str) -> list[float]:
        return []


class Measured(dict[str, Values]):
    """The values of each contender. `absent` are those that did not run, and why."""

    def __init__(self, contenders: Iterable[str]) -> None:
        super().__init__({name: Values() for name in contenders})
        self.absent: dict[str, str] = {}


def interleaved(
    contenders: Mapping[str, Callable[[], Measurement]],
    rounds: int,
    *,
    peers: Collection[str] = (),
) -> Measured:
    """Measure every contender once per round, in every other round in the opposite order.

    Other load on the machine then affects all of them alike. A contender that fails in a round
    raises, because a median without that round would be worth nothing. One of `peers` is dropped
    instead, with all its rounds, and the others continue.
    """
    measured = Measured(contenders)
    for number in range(rounds):
        running = [name for name in contenders if name not in measured.absent]
        for name in running if number % 2 == 0 else reversed(running):
            started = time.monotonic()
            try:
                values = contenders[name]()
            except Exception as why:
                if name not in peers:
                    raise
                measured[name].clear()
                measured.absent[name] = reason(why)
                progress(f"{name} does not run: {measured.absent[name]}")
                continue
            for key, value in values.items():
                measured[name].setdefault(key, []).append(value)
            progress(f"round {number + 1}/{rounds} {name}: {time.monotonic() - started:.1f} s")
    return measured


def reason(why: BaseException) -> str:
    """Return the reason in one line, for the page."""
    lines = str(why).strip().splitlines()
    line = lines[0][:300] if lines else ""
    return line if isinstance(why, CannotRunError) else f"{type(why).__name__}: {line}"


def progress(message: str) -> None:
    print(f"bench: {message}", file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round, so that a slow minute affects both; empty if one did not run."""
    if not ours or not theirs:
        return []
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
