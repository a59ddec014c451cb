# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Missed events, in blocks that readers share.

Each reader may have missed a different part, and one that never reads keeps its bytes in memory. So
only the events before the next whole hundred are one reader's own; the hundreds after it are the
same bytes for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from canale.live.encoding import EncodedEvent

BLOCK = 100


class Blocks:
    """Blocks of events in the order of their numbers."""

    def __init__(self, events: Sequence[EncodedEvent]) -> None:
        self._blocks = {
            number: list(block)
            for number, block in groupby(events, key=lambda event: event.id // BLOCK)
        }
        self._whole = {number: _joined(block) for number, block in self._blocks.items()}
        self._starts: dict[int, bytes] = {}

    def after(self, number: int) -> list[bytes]:
        """Return all events with a greater number."""
        if number not in self._starts:
            block = self._blocks.get(number // BLOCK, ())
            self._starts[number] = _joined([event for event in block if event.id > number])
        start = self._starts[number]
        later = [data for block, data in self._whole.items() if block > number // BLOCK]
        return [start, *later] if start else later


def _joined(events: Sequence[EncodedEvent]) -> bytes:
    return b"".join(event.data for event in events)
