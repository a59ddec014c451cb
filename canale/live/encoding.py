# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Server-sent events on the wire (HTML Standard, section 9.2)."""

import random
from typing import Literal, NamedTuple

EventKind = Literal["post", "correction", "withdrawal", "reactions"]

# A comment: readers ignore it, and proxies do not close the connection as idle.
HEARTBEAT = b": \n\n"

# Milliseconds before a reader reconnects after a broken connection.
RECONNECT = b"retry: 3000\n\n"


class EncodedEvent(NamedTuple):
    """One live event: its number, and the bytes that every reader gets."""

    id: int
    data: bytes


def encode_sse(event_id: int, kind: EventKind, data: str | bytes) -> bytes:
    """Encode one event as `event`, `id` and `data` lines, UTF-8.

    `data` is JSON on one line. Raises ValueError if it holds a line break, which would end
    the field, or if the number is not positive.
    """
    line = data.encode() if isinstance(data, str) else data
    if b"\n" in line or b"\r" in line:
        raise ValueError(f"The data of live event {event_id} must be one line of JSON.")
    if event_id < 1:
        raise ValueError(f"A live event's number is 1 or more, not {event_id}.")
    return b"event: %b\nid: %d\ndata: %b\n\n" % (kind.encode(), event_id, line)


def encode_reconnect() -> bytes:
    """Encode a request to reconnect in 1 to 6 seconds, so that not all readers return at once."""
    return b"retry: %d\n\n" % random.randint(1000, 6000)
