# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing past the transport: nothing is lost, doubled, overtaken or sent to somebody else."""

import asyncio
import socket
import ssl
from typing import Any

import pytest

from canale.live import connection as lines
from canale.live.connection import NOT_DIRECT, Connection, write_to_all
from canale.live.hub import Hub
from tests.standins.live_site import Run
from tests.waiting import until


def hub() -> Hub:
    made = Hub(lambda handle, after: [], heartbeat=3600.0)
    made.open("cremona", 0)
    return made


async def attached(mine: Hub, room: int = 2**20) -> tuple[Connection, socket.socket]:
    """A reader that has had its head, and the far end of its line, which takes about `room`."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    connection = mine.reserve("cremona", None)
    assert connection is not None
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
    mine.attach(connection, transport, b"", None)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    assert await asyncio.to_thread(read, theirs, 13) == b"retry: 3000\n\n"
    return connection, theirs


def read(far: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size and (part := far.recv(65536)):
        parts += part
    return parts


def never(connection: Connection) -> None:
    raise AssertionError("this reader reads enough")


def test_direct_writes_do_not_overtake_buffered_ones(run: Run) -> None:
    async def flow() -> None:
        connection, far = await attached(hub())
        transport = connection.transport
        assert transport is not None
        transport.write(b"head ")
        # In the same turn of the loop: uvloop has not written the head yet.
        for part in (b"one ", b"two "):
            assert write_to_all([connection], part, never) == 1
        await until(lambda: not transport.get_write_buffer_size())
        assert write_to_all([connection], b"three", never) == 1
        assert await asyncio.to_thread(read, far, 18) == b"head one two three"

    run(flow)


def test_unsent_bytes_are_sent_later_in_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "UNREAD_LIMIT", 2**30)

    async def flow() -> None:
        connection, far = await attached(hub(), room=4096)
        events = [b"%05d" % number + b"x" * 995 for number in range(500)]
        for event in events:
            assert write_to_all([connection], event, never) == 1
        assert connection.socket == NOT_DIRECT
        said = await asyncio.to_thread(read, far, 500 * 1000)
        assert said == b"".join(events)
        # Once all is read the next one goes straight to the socket again.
        transport = connection.transport
        assert transport is not None
        await until(lambda: not transport.get_write_buffer_size())
        assert write_to_all([connection], b"last", never) == 1
        assert connection.socket != NOT_DIRECT
        assert await asyncio.to_thread(read, far, 4) == b"last"

    run(flow)


def test_full_socket_does_not_delay_others(run: Run) -> None:
    async def flow() -> None:
        mine = hub()
        readers = [await attached(mine, room=4096 if number == 1 else 2**20) for number in range(3)]
        dropped: list[Connection] = []
        connections = [connection for connection, _ in readers]
        for _ in range(100):
            write_to_all(connections, b"x" * 1000, dropped.append)
        assert set(dropped) == {connections[1]}
        for place in (0, 2):
            assert await asyncio.to_thread(read, readers[place][1], 100_000) == b"x" * 100_000

    run(flow)


def test_reused_file_descriptor_gets_no_bytes(run: Run) -> None:
    async def flow() -> None:
        mine = hub()
        connection, far = await attached(mine)
        assert write_to_all([connection], b"one", never) == 1
        number = connection.socket
        far.close()
        await until(lambda: connection.left)
        pairs = [socket.socketpair() for _ in range(50)]
        ours, theirs = next(pair for pair in pairs if number in [end.fileno() for end in pair])
        other = theirs if ours.fileno() == number else ours
        other.setblocking(False)
        assert write_to_all([connection], b"two", never) == 0
        with pytest.raises(BlockingIOError):
            other.recv(10)

    run(flow)


def test_a_dismissed_reader_gets_no_more_events(run: Run) -> None:
    async def flow() -> None:
        mine = hub()
        connection, far = await attached(mine)
        assert write_to_all([connection], b"one", never) == 1
        mine.close_gracefully(connection)
        assert write_to_all([connection], b"two", never) == 0
        said = await asyncio.to_thread(read, far, 1000)
        assert said.startswith(b"oneretry: ")
        assert b"two" not in said

    run(flow)


def test_encrypted_connection_is_written_through_its_transport() -> None:
    class Encrypted(asyncio.Transport):
        written = b""

        def get_extra_info(self, name: str, default: object = None) -> object:
            return ssl.create_default_context() if name == "sslcontext" else default

        def get_write_buffer_size(self) -> int:
            return 0

        def is_closing(self) -> bool:
            return False

        def write(self, data: Any) -> None:
            self.written += bytes(data)

    async def flow() -> None:
        connection = hub().reserve("cremona", None)
        assert connection is not None
        connection.transport = transport = Encrypted()
        for _ in range(3):
            assert write_to_all([connection], b"secret", never) == 1
        assert transport.written == b"secret" * 3
        assert connection.socket == NOT_DIRECT

    asyncio.run(flow())
