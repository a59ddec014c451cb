# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a worker reads ahead of what it has recorded.

Alerts have a window of their own, so that they never wait for room behind anything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# Read at once: half a window, so that the next are read while these are sent.
CHUNK_ADDRESSES = 250
# Read and not yet recorded of one priority, in one worker. When it is killed, at most this many of
# a broadcast are sent twice, and beside them what late far ends had not answered (decision 0032).
WINDOW_ADDRESSES = 500
# Of the window, for retries and welcomes, read so many at once: nothing holds them up but their
# far end.
REPEAT_ADDRESSES = 200
REPEAT_CHUNK = 100


class Load(NamedTuple):
    """The messages of one priority that are read and not yet recorded."""

    addresses: int
    repeats: int
    """Of them, not of a batch."""

    @property
    def takes_batches(self) -> bool:
        return self.addresses + CHUNK_ADDRESSES <= WINDOW_ADDRESSES

    @property
    def takes_repeats(self) -> bool:
        return (
            self.addresses + REPEAT_CHUNK <= WINDOW_ADDRESSES
            and self.repeats + REPEAT_CHUNK <= REPEAT_ADDRESSES
        )


class Window(NamedTuple):
    alerts: Load
    normal: Load


def window_of(on_their_way: Iterable[tuple[bool, bool, int]]) -> Window:
    """The window, from each chunk's urgency, whether it repeats, and its number of addresses."""
    addresses, repeats = [0, 0], [0, 0]
    for urgent, repeated, count in on_their_way:
        addresses[urgent] += count
        repeats[urgent] += count * repeated
    return Window(Load(addresses[True], repeats[True]), Load(addresses[False], repeats[False]))
