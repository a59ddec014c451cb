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
from collections.abc import Callable, Iterable, MutableSet
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canale.live.hub import Channel, Hub

# Bytes that wait for a reader; one with more of them at the next event is dropped.
UNREAD_LIMIT = 64 * 1024
# Heartbeats are spread over so many moments of the interval.
BEATS = 25
# In place of a socket's number: write through the transport.
NOT_DIRECT = -1

Drop = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """Takes over from the HTTP protocol once the request is read."""

    __slots__ = (
        "beat",
        "channel",
        "client",
        "hub",
        "left",
        "server",
        "socket",
        "transport",
        "unread_limit",
    )

    def __init__(self, hub: Hub, channel: Channel, client: bytes | None) -> None:
        self.hub = hub
        self.channel = channel
        self.client = client
        self.beat = random.randrange(BEATS)
        self.unread_limit = UNREAD_LIMIT
        self.left = False
        self.transport: asyncio.Transport | None = None
        self.socket = NOT_DIRECT
        self.server: MutableSet[Any] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.hub.detach(self)

    def shutdown(self) -> None:
        """Called by uvicorn for each of its connections when the server stops."""
        self.hub.dismiss(self)

    def waiting(self) -> int:
        """Bytes that wait in the transport; with none, the socket takes the next ones itself."""
        if self.transport is None or self.transport.is_closing():
            return 0
        waiting = self.transport.get_write_buffer_size()
        if not waiting and self.transport.get_extra_info("sslcontext") is None:
            self.socket = self.transport.get_extra_info("socket").fileno()
        return waiting

    def write_rest(self, data: bytes) -> bool:
        """Through the transport, until nothing waits there; False if the connection is ending."""
        self.socket = NOT_DIRECT
        if self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(data)
        return True


def write_to_all(readers: Iterable[Connection], data: bytes, drop: Drop) -> int:
    """To how many it was written. Calls `drop` for those who leave too much unread."""
    write, size, written = os.write, len(data), 0
    for reader in readers:
        if reader.socket < 0 and reader.waiting() > reader.unread_limit:
            drop(reader)
            continue
        sent = 0
        if reader.socket >= 0:
            try:
                sent = write(reader.socket, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                # The event loop will hear of it too, and end the connection.
                reader.socket = NOT_DIRECT
                continue
        if sent == size or reader.write_rest(data[sent:]):
            written += 1
    return written
