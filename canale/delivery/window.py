# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two priorities, and the window: how far a worker reads ahead of what it has recorded.

Alerts have a window of their own, so that they never wait for room behind anything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

# Read at once: half a window, so that the next are read while these are sent.
CHUNK_ADDRESSES = 250
# Read and not yet recorded of one priority, in one worker. When it is killed, at most this many of
# a broadcast are sent twice, and beside them what slow services had not answered (decision 0032).
WINDOW_ADDRESSES = 500
# The part of the window for retries and welcomes, and how many of them are read at once: only
# their services can delay them.
RETRY_ADDRESSES = 200
RETRY_CHUNK = 100


class Priority(StrEnum):
    ALERT = "alert"
    """Alerts, and welcomes: a citizen is waiting for them."""
    NORMAL = "normal"

    @classmethod
    def of(cls, *, urgent: bool) -> Priority:
        return cls.ALERT if urgent else cls.NORMAL


class Load(NamedTuple):
    """The messages of one priority that are read and not yet recorded."""

    addresses: int
    retries: int
    """The part of them outside any batch."""

    @property
    def has_room_for_batch(self) -> bool:
        return self.addresses + CHUNK_ADDRESSES <= WINDOW_ADDRESSES

    @property
    def has_room_for_retries(self) -> bool:
        return (
            self.addresses + RETRY_CHUNK <= WINDOW_ADDRESSES
            and self.retries + RETRY_CHUNK <= RETRY_ADDRESSES
        )


class Window(NamedTuple):
    alerts: Load
    normal: Load


def window_of(on_their_way: Iterable[tuple[bool, bool, int]]) -> Window:
    """Sum up chunks, each given by its urgency, whether it is pending, and its addresses."""
    addresses, retries = [0, 0], [0, 0]
    for urgent, pending, count in on_their_way:
        addresses[urgent] += count
        retries[urgent] += count * pending
    return Window(Load(addresses[True], retries[True]), Load(addresses[False], retries[False]))
