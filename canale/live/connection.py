# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One open page, and the writing of the same bytes to many of them.

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
from collections.abc import Callable, MutableSet, Sequence
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canale.live.hub import Hub, Stream

# What the kernel keeps for a reader who does not read, instead of the 4 MB it would grow to (it
# doubles the number, and counts its own bookkeeping: some 50 KB of events). Decision 0029.
SEND_BUFFER = 32 * 1024
# socket(7), SO_LINGER: on, for no time. A close is a reset, and what waits is gone at once.
NO_LINGER = struct.pack("ii", 1, 0)
# Bytes that wait for a reader; one with more of them at the next event is dropped.
UNREAD_LIMIT = 64 * 1024
# Heartbeats are spread over so many moments of the interval.
SLOTS = 25
# In place of a socket's number: write through the transport.
NOT_DIRECT = -1

Drop = Callable[["Connection"], None]


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

    def __init__(self, hub: Hub, stream: Stream, client: bytes | None) -> None:
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
        """At once, with all that waits: the kernel keeps nothing for who will not read it."""
        if self.transport is not None:
            _set(self.transport, socket.SO_LINGER, NO_LINGER)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.hub.detach(self)

    def shutdown(self) -> None:
        """Called by uvicorn for each of its connections when the server stops."""
        self.hub.close_gracefully(self)

    def use_socket(self) -> None:
        """From now on by write(2), unless the bytes are encrypted on the way."""
        if self.transport is not None and self.transport.get_extra_info("sslcontext") is None:
            self.socket = self.transport.get_extra_info("socket").fileno()


def _set(transport: asyncio.Transport, option: int, value: int | bytes) -> None:
    # A line that is gone already keeps nothing.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, value)


def write_to_all(readers: Sequence[Connection], data: bytes, drop: Drop) -> int:
    """To how many it was written. Calls `drop` for those who leave too much unread."""
    # The loop over the sockets runs without bytecode. It stops at one that takes nothing, because
    # it is full, gone or not ours to write to, and goes on behind it.
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
    """What the socket did not take, or was not asked to take yet."""
    transport = reader.transport
    if transport is None or transport.is_closing():
        return False
    waiting = transport.get_write_buffer_size()
    if waiting > reader.unread_limit:
        drop(reader)
        return False
    if reader.socket == NOT_DIRECT and not waiting:
        # Whatever it had missed is read.
        reader.unread_limit = UNREAD_LIMIT
        reader.use_socket()
        rest = rest[_taken(reader.socket, rest) :]
    if rest:
        reader.socket = NOT_DIRECT
        transport.write(rest)
    return True


def _taken(socket: int, data: bytes) -> int:
    try:
        return os.write(socket, data)
    except OSError:
        return 0
