# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who reads which channel, and the writing of each event to all of them.

Everything runs on the event loop's thread. A reader is a transport and one small object: no task,
no queue. What a reader missed comes from the channel's memory of recent events; only what is older
is read from the database, in a thread, one read at a time for all who wait.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, MutableSet, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

from canale.live.blocks import Blocks
from canale.live.clients import salted_key
from canale.live.connection import BEATS, NOT_DIRECT, UNREAD_LIMIT, Connection, write_to_all
from canale.live.counts import HubCounts
from canale.live.encoding import HEARTBEAT, RECONNECT, EncodedEvent, encode_goodbye

logger = logging.getLogger(__name__)

Backlog = Callable[[str, int], Sequence[EncodedEvent]]

# Recent events a channel remembers, so that reconnecting readers need no database.
MEMORY = 256
# Writes between two turns of the event loop (about 10 ms).
SLICE = 1000
# Seconds in which a reader must take some of a replay.
STALL_SECONDS = 30.0
# Seconds a reader has to take the last bytes when the server stops.
GRACE = 2.0


class Channel:
    """One channel's readers, its recent events, and what is still being written."""

    __slots__ = (
        "floor",
        "handle",
        "last_id",
        "listed",
        "outgoing",
        "readers",
        "reading",
        "recent",
        "waiting",
    )

    def __init__(self, handle: str, last_id: int) -> None:
        self.handle = handle
        self.last_id = last_id
        # Every event with a number above the floor is in `recent`.
        self.floor = last_id
        self.recent: deque[EncodedEvent] = deque()
        # In the order in which they came: neighbours in memory, here and in the kernel.
        self.readers: dict[Connection, None] = {}
        self.listed: list[Connection] | None = None
        self.outgoing: deque[tuple[bytes, Iterator[Connection]]] = deque()
        self.waiting: list[tuple[Connection, int]] = []
        self.reading = False

    def remember(self, event: EncodedEvent) -> None:
        self.last_id = event.id
        self.recent.append(event)
        if len(self.recent) > MEMORY:
            self.floor = self.recent.popleft().id

    def since(self, event_id: int) -> bytes:
        if event_id >= self.last_id:
            return b""
        return b"".join(event.data for event in self.recent if event.id > event_id)

    def refill(self, events: Sequence[EncodedEvent], after: int, covered: int) -> None:
        """Remember what was read, too: who comes next with the same number needs no database."""
        if after < self.floor <= covered:
            self.recent.extendleft(event for event in reversed(events) if event.id <= self.floor)
            self.floor = after
        while len(self.recent) > MEMORY:
            self.floor = self.recent.popleft().id

    def add(self, reader: Connection) -> None:
        self.readers[reader] = None
        self.listed = None

    def remove(self, reader: Connection) -> None:
        if reader in self.readers:
            del self.readers[reader]
            self.listed = None

    def everyone(self) -> list[Connection]:
        """Not to be changed: the same list until somebody comes or goes."""
        if self.listed is None:
            self.listed = list(self.readers)
        return self.listed

    def in_beat(self, beat: int) -> list[Connection]:
        return [reader for reader in self.readers if reader.beat == beat]


class Hub:
    """All open pages of this process.

    `backlog(handle, after_id)` returns the channel's events with a greater number, in order; it is
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
        self._pause = heartbeat / BEATS
        self._channels: dict[str, Channel] = {}
        self._clients: Counter[bytes] = Counter()
        self._connections = 0
        self._events = 0
        self._deliveries = 0
        self._dropped_slow = 0
        self._refused = 0
        self._beat = 0
        self._beating: asyncio.TimerHandle | None = None
        self._database = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live-backlog")

    def open(self, handle: str, last_id: int) -> None:
        """Makes a channel known; `last_id` is the number of its latest event (0: none yet)."""
        if handle not in self._channels:
            self._channels[handle] = Channel(handle, last_id)

    def close(self, handle: str) -> None:
        """Forgets a channel and sends its readers away."""
        channel = self._channels.pop(handle, None)
        if channel is not None:
            waiting = [reader for reader, _ in channel.waiting]
            for reader in [*channel.readers, *waiting]:
                self.dismiss(reader)

    def forget(self, handle: str) -> None:
        """Keeps no recent event in memory: who comes back reads the database, as it is now."""
        channel = self._channels.get(handle)
        if channel is not None:
            # A new one: a read that is under way must not fill it again.
            channel.recent, channel.floor = deque(), channel.last_id

    def known(self, handle: str) -> bool:
        return handle in self._channels

    def reserve(self, handle: str, address: str | None) -> Connection | None:
        """A place for one reader, or None when all places, or this client's, are taken.

        `address` is the client's, and is kept only as a salted hash. Raises KeyError if the
        channel is not known. Whoever reserves also calls `attach` or `detach`.
        """
        channel = self._channels[handle]
        capped = self._client_limit is not None
        client = self._client_key(address) if address and capped else None
        if self._is_full(client):
            self._refused += 1
            return None
        self._connections += 1
        if client is not None:
            self._clients[client] += 1
        return Connection(self, channel, client)

    def _is_full(self, client: bytes | None) -> bool:
        if self._connection_limit is not None and self._connections >= self._connection_limit:
            return True
        return (
            client is not None
            and self._client_limit is not None
            and self._clients[client] >= self._client_limit
        )

    def attach(
        self,
        connection: Connection,
        transport: asyncio.Transport,
        head: bytes,
        last_event_id: int | None,
        server: MutableSet[Any] | None = None,
    ) -> None:
        """Answers with `head` and what came after `last_event_id`, then with all that follows.

        None, or a number that was not given yet, means from now on. `server` is the set of
        connections that the HTTP server closes when it stops.
        """
        connection.take_over(transport)
        connection.server = server
        if server is not None:
            server.add(connection)
        self._start_beating()
        channel = connection.channel
        after = channel.last_id if last_event_id is None else last_event_id
        if after >= channel.floor:
            self._join(connection, head + RECONNECT + channel.since(after))
        else:
            transport.write(head + RECONNECT)
            self._wait_for_backlog(connection, after)

    def _join(self, connection: Connection, missed: bytes) -> None:
        if connection.transport is None:
            return
        if missed:
            connection.transport.write(missed)
            # A long replay is not the reader's slowness.
            connection.unread_limit += len(missed)
        connection.channel.add(connection)

    def _wait_for_backlog(self, connection: Connection, after: int) -> None:
        channel = connection.channel
        channel.waiting.append((connection, after))
        if not channel.reading:
            self._read_backlog(channel)

    def _read_backlog(self, channel: Channel) -> None:
        """One read for all who wait; who comes while it runs is served by the next."""
        batch, channel.waiting = channel.waiting, []
        channel.reading = True
        oldest = min(after for _, after in batch)
        loop = asyncio.get_running_loop()
        read = loop.run_in_executor(self._database, self._backlog, channel.handle, oldest)
        told = partial(self._backlog_read, channel, batch, channel.last_id, channel.recent)
        read.add_done_callback(told)

    def _backlog_read(
        self,
        channel: Channel,
        batch: list[tuple[Connection, int]],
        covered: int,
        memory: deque[EncodedEvent],
        read: "asyncio.Future[Sequence[EncodedEvent]]",
    ) -> None:
        channel.reading = False
        failure = None if read.cancelled() else read.exception()
        if read.cancelled() or failure:
            logger.error("The backlog of %s was not read.", channel.handle, exc_info=failure)
            for connection, _ in batch:
                self.dismiss(connection)
        else:
            # A newer event may be in the database already; the hub hears of it in its turn.
            events = [event for event in read.result() if event.id <= covered]
            self._replay(channel, batch, events, covered)
            if channel.recent is memory:
                channel.refill(events, min(after for _, after in batch), covered)
        if channel.waiting and not channel.reading:
            self._read_backlog(channel)

    def _replay(
        self,
        channel: Channel,
        batch: list[tuple[Connection, int]],
        events: list[EncodedEvent],
        covered: int,
    ) -> None:
        """Writes what each missed up to `covered`, and from memory what came during the read."""
        blocks = Blocks(events)
        recent = channel.since(covered)
        for connection, after in batch[:SLICE]:
            self._catch_up(connection, blocks.after(after), recent, max(after, covered))
        if len(batch) > SLICE:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._replay, channel, batch[SLICE:], events, covered)

    def _catch_up(
        self, connection: Connection, missed: list[bytes], recent: bytes, after: int
    ) -> None:
        channel = connection.channel
        if connection.transport is None:
            return
        if self._channels.get(channel.handle) is not channel:
            self.dismiss(connection)
            return
        for block in missed:
            connection.transport.write(block)
            # A long replay is not the reader's slowness.
            connection.unread_limit += len(block)
        if missed:
            self._watch(connection, connection.transport.get_write_buffer_size())
        if after >= channel.floor:
            self._join(connection, recent)
        else:
            # More was published during the read than the memory holds.
            self._wait_for_backlog(connection, after)

    def _watch(self, connection: Connection, waiting: int) -> None:
        """Drop a reader that takes nothing of its replay for STALL_SECONDS."""
        if waiting > UNREAD_LIMIT:
            asyncio.get_running_loop().call_later(
                STALL_SECONDS, self._drop_if_stalled, connection, waiting
            )

    def _drop_if_stalled(self, connection: Connection, waited: int) -> None:
        if connection.transport is None:
            return
        waiting = connection.transport.get_write_buffer_size()
        if waiting >= waited:
            self._drop(connection)
        else:
            self._watch(connection, waiting)

    def publish(self, handle: str, event: EncodedEvent) -> None:
        """Writes an event to all readers of its channel, each channel's in order of publishing.

        An event that is not newer than the channel's latest was already written, and is ignored.
        """
        self.open(handle, event.id - 1)
        channel = self._channels[handle]
        if event.id <= channel.last_id:
            return
        self._events += 1
        channel.remember(event)
        # Who joins after this line gets the event from memory.
        channel.outgoing.append((event.data, iter(channel.everyone())))
        if len(channel.outgoing) == 1:
            self._pump(channel)

    def _pump(self, channel: Channel) -> None:
        """Writes one slice; events wait for the one before, so none overtakes another."""
        budget = SLICE
        while channel.outgoing and budget > 0:
            data, readers = channel.outgoing[0]
            part = list(islice(readers, budget))
            budget -= len(part)
            self._deliveries += write_to_all(part, data, self._drop)
            if budget > 0:
                channel.outgoing.popleft()
        if channel.outgoing:
            asyncio.get_running_loop().call_soon(self._pump, channel)

    def _drop(self, reader: Connection) -> None:
        self._dropped_slow += 1
        reader.cut_off()
        self.detach(reader)

    def _start_beating(self) -> None:
        if self._beating is None:
            self._beating = asyncio.get_running_loop().call_later(self._pause, self._heartbeat)

    def _heartbeat(self) -> None:
        """Each tick is one beat's turn; the timer rests when nobody is connected."""
        self._beat = (self._beat + 1) % BEATS
        for channel in self._channels.values():
            write_to_all(channel.in_beat(self._beat), HEARTBEAT, self._drop)
        self._beating = None
        if self._connections:
            self._start_beating()

    def dismiss(self, connection: Connection) -> None:
        """Ends one connection politely: when to come back, then the end of the stream."""
        transport = connection.transport
        if transport is None or transport.is_closing():
            return
        connection.socket = NOT_DIRECT
        transport.write(encode_goodbye())
        transport.close()
        asyncio.get_running_loop().call_later(GRACE, connection.cut_off)
        connection.channel.remove(connection)

    def detach(self, connection: Connection) -> None:
        """Gives the place back. May be called more than once."""
        if connection.left:
            return
        connection.left = True
        connection.transport = None
        # From here on the number may be another connection's.
        connection.socket = NOT_DIRECT
        connection.channel.remove(connection)
        if connection.server is not None:
            connection.server.discard(connection)
        self._connections -= 1
        if connection.client is not None:
            self._clients[connection.client] -= 1
            if not self._clients[connection.client]:
                del self._clients[connection.client]

    def counts(self) -> HubCounts:
        return HubCounts(
            connections=self._connections,
            by_channel={handle: len(channel.readers) for handle, channel in self._channels.items()},
            events=self._events,
            deliveries=self._deliveries,
            dropped_slow=self._dropped_slow,
            refused=self._refused,
        )
