# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A channel's stream, its open pages, and the writing of the same bytes to many of them.

A transport's `write` takes two to three microseconds of an event's ten. So while nothing waits in
a connection's transport, its bytes go to the socket by write(2) at once; what the socket does not
take goes through the transport, and so does all that follows until that is gone.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator, MutableSet, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any, Protocol

from canale.live.encoding import EncodedEvent

# Recent events a channel remembers, so that reconnecting readers need no database.
MAX_RECENT_EVENTS = 256
# Kernel send buffer for a client that does not read; by default it would grow to 4 MB. The kernel
# doubles the number and counts its own overhead: some 50 KB of events. Decision 0029.
SEND_BUFFER = 32 * 1024
# SO_LINGER (socket(7)), on, 0 s: closing resets the connection and discards unsent data.
NO_LINGER = struct.pack("ii", 1, 0)
# A reader with more unsent bytes than this at the next event is dropped.
UNREAD_LIMIT = 64 * 1024
# Heartbeats are spread over this many moments of the interval.
SLOTS = 25
# Used instead of a file descriptor: write through the transport.
NOT_DIRECT = -1

Drop = Callable[["Connection"], None]


class Stream:
    """One channel's readers, its recent events, and what is still being written."""

    __slots__ = (
        "_reader_list",
        "complete_after",
        "handle",
        "last_id",
        "outgoing",
        "readers",
        "reading",
        "recent",
        "waiting",
    )

    def __init__(self, handle: str, last_id: int) -> None:
        self.handle = handle
        self.last_id = last_id
        # Every event with a greater number is in `recent`.
        self.complete_after = last_id
        self.recent: deque[EncodedEvent] = deque()
        # In the order of their arrival: neighbours in memory, here and in the kernel.
        self.readers: dict[Connection, None] = {}
        self._reader_list: list[Connection] | None = None
        self.outgoing: deque[tuple[bytes, Iterator[Connection]]] = deque()
        self.waiting: list[tuple[Connection, int]] = []
        self.reading = False

    def remember(self, event: EncodedEvent) -> None:
        self.last_id = event.id
        self.recent.append(event)
        if len(self.recent) > MAX_RECENT_EVENTS:
            self.complete_after = self.recent.popleft().id

    def since(self, event_id: int) -> bytes:
        if event_id >= self.last_id:
            return b""
        return b"".join(event.data for event in self.recent if event.id > event_id)

    def refill(self, events: Sequence[EncodedEvent], after: int, covered: int) -> None:
        """Cache events read from the database for later reconnects."""
        if after < self.complete_after <= covered:
            self.recent.extendleft(
                event for event in reversed(events) if event.id <= self.complete_after
            )
            self.complete_after = after
        while len(self.recent) > MAX_RECENT_EVENTS:
            self.complete_after = self.recent.popleft().id

    def add(self, reader: Connection) -> None:
        self.readers[reader] = None
        self._reader_list = None

    def remove(self, reader: Connection) -> None:
        if reader in self.readers:
            del self.readers[reader]
            self._reader_list = None

    def all_readers(self) -> list[Connection]:
        """Return all readers: a list cached until one joins or leaves; do not change it."""
        if self._reader_list is None:
            self._reader_list = list(self.readers)
        return self._reader_list

    def in_slot(self, slot: int) -> list[Connection]:
        return [reader for reader in self.readers if reader.slot == slot]


class Owner(Protocol):
    """The hub, as its connections know it."""

    def detach(self, connection: Connection) -> None: ...

    def close_gracefully(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """Takes over from the HTTP protocol once the request is read."""

    __slots__ = (
        "client",
        "hub",
        "left",
        "server",
        "slot",
        "socket",
        "stream",
        "transport",
        "unread_limit",
    )

    def __init__(self, hub: Owner, stream: Stream, client: bytes | None) -> None:
        self.hub = hub
        self.stream = stream
        self.client = client
        self.slot = random.randrange(SLOTS)
        self.unread_limit = UNREAD_LIMIT
        self.left = False
        self.transport: asyncio.Transport | None = None
        self.socket = NOT_DIRECT
        self.server: MutableSet[Any] | None = None

    def take_over(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        _set(transport, socket.SO_SNDBUF, SEND_BUFFER)
        transport.set_protocol(self)

    def abort(self) -> None:
        """Abort immediately and discard unsent data (SO_LINGER 0)."""
        if self.transport is not None:
            _set(self.transport, socket.SO_LINGER, NO_LINGER)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.hub.detach(self)

    def shutdown(self) -> None:
        """Called by uvicorn for each of its connections when the server stops."""
        self.hub.close_gracefully(self)

    def use_socket(self) -> None:
        """Write with write(2) from now on, unless the connection is encrypted."""
        if self.transport is not None and self.transport.get_extra_info("sslcontext") is None:
            self.socket = self.transport.get_extra_info("socket").fileno()


def _set(transport: asyncio.Transport, option: int, value: int | bytes) -> None:
    # The connection may be closed already.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, value)


def write_to_all(readers: Sequence[Connection], data: bytes, drop: Drop) -> int:
    """Write to all readers; return how many took it. Calls `drop` for those too far behind."""
    # `map` writes without bytecode for each socket. It stops at one that is full, closed or
    # NOT_DIRECT, and continues behind it.
    sockets = iter([reader.socket for reader in readers])
    sent: list[int] = []
    while len(sent) < len(readers):
        try:
            sent.extend(map(os.write, sockets, repeat(data)))
        except OSError:
            sent.append(0)
    if sum(sent) == len(data) * len(readers):
        return len(readers)
    return sum(
        taken == len(data) or _write_rest(reader, data[taken:], drop)
        for reader, taken in zip(readers, sent, strict=True)
    )


def _write_rest(reader: Connection, rest: bytes, drop: Drop) -> bool:
    """Write what the socket did not accept, or was not given yet."""
    transport = reader.transport
    if transport is None or transport.is_closing():
        return False
    waiting = transport.get_write_buffer_size()
    if waiting > reader.unread_limit:
        drop(reader)
        return False
    if reader.socket == NOT_DIRECT and not waiting:
        # The reader has received all of its replay.
        reader.unread_limit = UNREAD_LIMIT
        reader.use_socket()
        with suppress(OSError):
            rest = rest[os.write(reader.socket, rest) :]
    if rest:
        reader.socket = NOT_DIRECT
        transport.write(rest)
    return True
