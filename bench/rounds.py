# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Contenders in turns, and what their rounds say together."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Measurement = Mapping[str, float]


class CannotRunError(Exception):
    """What a part, or one contender of it, lacks on this machine, and what to do."""


class Values(dict[str, list[float]]):
    """One contender's: name of the value → one number a round; none where it did not run."""

    def __missing__(self, name: str) -> list[float]:
        return []


class Measured(dict[str, Values]):
    """Contender → its values. `absent` are those who did not run, and why."""

    def __init__(self, contenders: Iterable[str]) -> None:
        super().__init__({name: Values() for name in contenders})
        self.absent: dict[str, str] = {}


def interleaved(
    contenders: Mapping[str, Callable[[], Measurement]],
    rounds: int,
    *,
    peers: Collection[str] = (),
) -> Measured:
    """Every contender once a round, every other round in the opposite order.

    What the machine does beside the benchmark meets all of them alike. A contender that fails in a
    round raises: a median over rounds that were left out would be worth nothing. One of `peers`
    is taken out instead, with all its rounds, and the others go on.
    """
    measured = Measured(contenders)
    for number in range(rounds):
        there = [name for name in contenders if name not in measured.absent]
        for name in there if number % 2 == 0 else reversed(there):
            started = time.monotonic()
            try:
                said = contenders[name]()
            except Exception as why:
                if name not in peers:
                    raise
                measured[name].clear()
                measured.absent[name] = reason(why)
                progress(f"{name} does not run: {measured.absent[name]}")
                continue
            for key, value in said.items():
                measured[name].setdefault(key, []).append(value)
            progress(f"round {number + 1}/{rounds} {name}: {time.monotonic() - started:.1f} s")
    return measured


def reason(why: BaseException) -> str:
    """In one line, for the page."""
    lines = str(why).strip().splitlines()
    said = lines[0][:300] if lines else ""
    return said if isinstance(why, CannotRunError) else f"{type(why).__name__}: {said}"


def progress(said: str) -> None:
    print(f"bench: {said}", file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, so that a slow minute of the machine is in both; none if one did not run."""
    if not ours or not theirs:
        return []
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
