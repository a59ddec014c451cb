# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub: the readers of each channel, and the writing of each event to all of them.

Everything runs on the event loop's thread. A reader is a transport and one small object: no task,
no queue. What a reader missed comes from the stream's memory of recent events; only what is older
is read from the database, in a thread, one read at a time for all waiting readers.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, MutableSet, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from canale.live.blocks import Blocks
from canale.live.clients import salted_key
from canale.live.connection import (
    NOT_DIRECT,
    SLOTS,
    UNREAD_LIMIT,
    Connection,
    Stream,
    write_to_all,
)
from canale.live.encoding import HEARTBEAT, RECONNECT, EncodedEvent, encode_reconnect
from canale.live.stats import HubStats

logger = logging.getLogger(__name__)

Backlog = Callable[[str, int], Sequence[EncodedEvent]]

# Writes in one iteration of the event loop (about 10 ms).
SLICE = 1000
# Seconds in which a reader must take some of a replay.
STALL_SECONDS = 30.0
# Seconds that a reader has to receive the last bytes when the server stops.
GRACE_SECONDS = 2.0


class Hub:
    """All open pages of this process.

    `backlog(handle, after_id)` returns the stream's events with a greater number, in order; it is
    called in a thread. `connection_limit` and `client_limit` cap what is open in all and for each
    client; None means no cap. `heartbeat` is in seconds.
    """

    def __init__(
        self,
        backlog: Backlog,
        *,
        connection_limit: int | None = 20_000,
        client_limit: int | None = 200,
        client_key: Callable[[str], bytes] | None = None,
        heartbeat: float = 25.0,
    ) -> None:
        self._backlog = backlog
        self._connection_limit = connection_limit
        self._client_limit = client_limit
        self._client_key = client_key or salted_key()
        self._pause = heartbeat / SLOTS
        self._streams: dict[str, Stream] = {}
        self._clients: Counter[bytes] = Counter()
        self._connections = 0
        self._events = 0
        self._deliveries = 0
        self._dropped_slow = 0
        self._refused = 0
        self._slot = 0
        self._heartbeats: asyncio.TimerHandle | None = None
        self._database = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live-backlog")

    def open(self, handle: str, last_id: int) -> None:
        """Add a channel; `last_id` is the id of its latest event (0: none yet)."""
        if handle not in self._streams:
            self._streams[handle] = Stream(handle, last_id)

    def close(self, handle: str) -> None:
        """Remove a channel and close its connections."""
        stream = self._streams.pop(handle, None)
        if stream is not None:
            waiting = [reader for reader, _ in stream.waiting]
            for reader in [*stream.readers, *waiting]:
                self.close_gracefully(reader)

    def forget(self, handle: str) -> None:
        """Drop recent events from memory, so that reconnecting readers get the database's."""
        stream = self._streams.get(handle)
        if stream is not None:
            # A new deque: a read in progress must not refill it.
            stream.recent, stream.complete_after = deque(), stream.last_id

    def has_channel(self, handle: str) -> bool:
        return handle in self._streams

    def reserve(self, handle: str, address: str | None) -> Connection | None:
        """Reserve a place for one reader; None when all places, or this client's, are taken.

        `address` is the client's, and is kept only as a salted hash. Raises KeyError if the
        stream is not known. The caller must also call `attach` or `detach`.
        """
        stream = self._streams[handle]
        most, most_per_client = self._connection_limit, self._client_limit
        client = self._client_key(address) if address and most_per_client is not None else None
        is_full = most is not None and self._connections >= most
        if client is not None and most_per_client is not None:
            is_full = is_full or self._clients[client] >= most_per_client
        if is_full:
            self._refused += 1
            return None
        self._connections += 1
        if client is not None:
            self._clients[client] += 1
        return Connection(self, stream, client)

    def attach(
        self,
        connection: Connection,
        transport: asyncio.Transport,
        head: bytes,
        last_event_id: int | None,
        server: MutableSet[Any] | None = None,
    ) -> None:
        """Send `head` and the events after `last_event_id`, then all later events.

        None, or a number that was not given yet, means from now on. `server` is the set of
        connections that the HTTP server closes when it stops.
        """
        connection.take_over(transport)
        connection.server = server
        if server is not None:
            server.add(connection)
        self._schedule_heartbeat()
        stream = connection.stream
        after = stream.last_id if last_event_id is None else last_event_id
        if after >= stream.complete_after:
            self._join(connection, head + RECONNECT + stream.since(after))
        else:
            transport.write(head + RECONNECT)
            self._wait_for_backlog(connection, after)

    def _join(self, connection: Connection, missed: bytes) -> None:
        if connection.transport is None:
            return
        if missed:
            connection.transport.write(missed)
            # A long replay does not make a reader slow.
            connection.unread_limit += len(missed)
        connection.stream.add(connection)

    def _wait_for_backlog(self, connection: Connection, after: int) -> None:
        stream = connection.stream
        stream.waiting.append((connection, after))
        if not stream.reading:
            self._read_backlog(stream)

    def _read_backlog(self, stream: Stream) -> None:
        """Start one read for all waiting readers; later ones are served by the next read."""
        readers, stream.waiting = stream.waiting, []
        stream.reading = True
        oldest = min(after for _, after in readers)
        covered, memory = stream.last_id, stream.recent

        def serve(read: "asyncio.Future[Sequence[EncodedEvent]]") -> None:
            stream.reading = False
            failure = None if read.cancelled() else read.exception()
            if read.cancelled() or failure:
                logger.error("Error reading the backlog of %s", stream.handle, exc_info=failure)
                for connection, _ in readers:
                    self.close_gracefully(connection)
            else:
                # A newer event may be in the database already; it will be published later.
                events = [event for event in read.result() if event.id <= covered]
                self._replay(stream, readers, events, covered)
                if stream.recent is memory:
                    stream.refill(events, oldest, covered)
            if stream.waiting and not stream.reading:
                self._read_backlog(stream)

        loop = asyncio.get_running_loop()
        read = loop.run_in_executor(self._database, self._backlog, stream.handle, oldest)
        read.add_done_callback(serve)

    def _replay(
        self,
        stream: Stream,
        readers: list[tuple[Connection, int]],
        events: list[EncodedEvent],
        covered: int,
    ) -> None:
        """Write the events that each missed up to `covered`, then those published since."""
        blocks = Blocks(events)
        recent = stream.since(covered)
        for connection, after in readers[:SLICE]:
            self._catch_up(connection, blocks.after(after), recent, max(after, covered))
        if len(readers) > SLICE:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._replay, stream, readers[SLICE:], events, covered)

    def _catch_up(
        self, connection: Connection, missed: list[bytes], recent: bytes, after: int
    ) -> None:
        stream = connection.stream
        if connection.transport is None:
            return
        if self._streams.get(stream.handle) is not stream:
            self.close_gracefully(connection)
            return
        for block in missed:
            connection.transport.write(block)
            # A long replay does not make a reader slow.
            connection.unread_limit += len(block)
        if missed:
            self._watch(connection, connection.transport.get_write_buffer_size())
        if after >= stream.complete_after:
            self._join(connection, recent)
        else:
            # More was published during the read than the memory holds.
            self._wait_for_backlog(connection, after)

    def _watch(self, connection: Connection, waiting: int) -> None:
        """Drop a reader that takes nothing of its replay for STALL_SECONDS."""

        def drop_if_stalled() -> None:
            if connection.transport is None:
                return
            still_waiting = connection.transport.get_write_buffer_size()
            if still_waiting >= waiting:
                self._drop(connection)
            else:
                self._watch(connection, still_waiting)

        if waiting > UNREAD_LIMIT:
            asyncio.get_running_loop().call_later(STALL_SECONDS, drop_if_stalled)

    def publish(self, handle: str, event: EncodedEvent) -> None:
        """Write an event to all readers of its channel, each channel's in order of publishing.

        An event that is not newer than the stream's latest was already written, and is ignored.
        """
        self.open(handle, event.id - 1)
        stream = self._streams[handle]
        if event.id <= stream.last_id:
            return
        self._events += 1
        stream.remember(event)
        # A reader that joins after this line gets the event from memory.
        stream.outgoing.append((event.data, iter(stream.all_readers())))
        if len(stream.outgoing) == 1:
            self._pump(stream)

    def _pump(self, stream: Stream) -> None:
        """Write one slice; events wait for the previous one, so none overtakes another."""
        budget = SLICE
        while stream.outgoing and budget > 0:
            data, readers = stream.outgoing[0]
            part = list(islice(readers, budget))
            budget -= len(part)
            self._deliveries += write_to_all(part, data, self._drop)
            if budget > 0:
                stream.outgoing.popleft()
        if stream.outgoing:
            asyncio.get_running_loop().call_soon(self._pump, stream)

    def _drop(self, reader: Connection) -> None:
        self._dropped_slow += 1
        reader.abort()
        self.detach(reader)

    def _schedule_heartbeat(self) -> None:
        """Send each slot's heartbeats in turn; the timer stops while nobody is connected."""

        def send() -> None:
            self._slot = (self._slot + 1) % SLOTS
            for stream in self._streams.values():
                write_to_all(stream.in_slot(self._slot), HEARTBEAT, self._drop)
            self._heartbeats = None
            if self._connections:
                self._schedule_heartbeat()

        if self._heartbeats is None:
            self._heartbeats = asyncio.get_running_loop().call_later(self._pause, send)

    def close_gracefully(self, connection: Connection) -> None:
        """Close one connection after telling the client when to reconnect."""
        transport = connection.transport
        if transport is None or transport.is_closing():
            return
        connection.socket = NOT_DIRECT
        transport.write(encode_reconnect())
        transport.close()
        asyncio.get_running_loop().call_later(GRACE_SECONDS, connection.abort)
        connection.stream.remove(connection)

    def detach(self, connection: Connection) -> None:
        """Release the connection's place. May be called more than once."""
        if connection.left:
            return
        connection.left = True
        connection.transport = None
        # From here on the descriptor may belong to another connection.
        connection.socket = NOT_DIRECT
        connection.stream.remove(connection)
        if connection.server is not None:
            connection.server.discard(connection)
        self._connections -= 1
        if connection.client is not None:
            self._clients[connection.client] -= 1
            if not self._clients[connection.client]:
                del self._clients[connection.client]

    def counts(self) -> HubStats:
        return HubStats(
            connections=self._connections,
            by_channel={handle: len(stream.readers) for handle, stream in self._streams.items()},
            events=self._events,
            deliveries=self._deliveries,
            dropped_slow=self._dropped_slow,
            refused=self._refused,
        )
