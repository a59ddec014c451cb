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
        self._whole: dict[int, bytes] = {}
        self._starts: dict[int, bytes] = {}

    def after(self, number: int) -> list[bytes]:
        """Return all events with a greater number."""
        first = self._start(number)
        later = [self._joined(block) for block in self._blocks if block > number // BLOCK]
        return [first, *later] if first else later

    def _start(self, number: int) -> bytes:
        """Return the rest of the block that the number belongs to."""
        if number not in self._starts:
            block = self._blocks.get(number // BLOCK, ())
            self._starts[number] = b"".join(event.data for event in block if event.id > number)
        return self._starts[number]

    def _joined(self, block: int) -> bytes:
        if block not in self._whole:
            self._whole[block] = b"".join(event.data for event in self._blocks[block])
        return self._whole[block]
