# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A page that never reads costs little and nobody else; one that reads slowly gets everything."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from canale.live import hub as hubs
from canale.live.connection import SEND_BUFFER, UNREAD_LIMIT
from tests.standins.live_site import (
    LIVE,
    Database,
    Reader,
    Run,
    Running,
    event,
    hub_with,
    live,
    serving,
)

# The receive buffer of the client's machine; Linux doubles it and has a minimum of its own.
READERS_BUFFER = 4096
SLACK = 16 * 1024
EVENT = 600


@contextlib.asynccontextmanager
async def line(site: Running, request: bytes = LIVE) -> AsyncIterator[socket.socket]:
    """A page with a small buffer of its own, and nobody who reads from it."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READERS_BUFFER)
        opened.setblocking(False)
        loop = asyncio.get_running_loop()
        before = site.hub.counts().by_channel["cremona"]
        await loop.sock_connect(opened, ("127.0.0.1", site.port))
        await loop.sock_sendall(opened, request)
        await site.until(lambda: site.hub.counts().by_channel["cremona"] > before)
        yield opened


async def publish_until_dropped(site: Running, listening: Reader, first: int) -> int:
    """Bytes that were published; the other page has read every event of them."""
    published = 0
    while site.hub.counts().dropped_slow == 0:
        next_one = event(first, size=EVENT)
        site.hub.publish("cremona", next_one)
        published += len(next_one.data)
        assert await listening.ids(first) == [first]
        assert published < 2**24, "a page that never reads is never dropped"
        first += 1
    return published


def kept_by_the_kernel(server: int, reader: int) -> bool:
    """Tell whether the server's end of this connection still exists (proc(5), /proc/net/tcp)."""
    ends = (f":{server:04X}", f":{reader:04X}")
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(ends[0]) and row[2].endswith(ends[1]) for row in rows)


async def read_all(stuck: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(stuck, 65536):
        pass


def test_client_that_never_reads_costs_bounded_memory(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            listening = await site.reader()
            await listening.stream_opened()
            async with line(site) as stuck:
                cost = await publish_until_dropped(site, listening, first=1)
                assert UNREAD_LIMIT < cost < 2 * SEND_BUFFER + UNREAD_LIMIT + SLACK
                reader = stuck.getsockname()[1]
                await site.until(lambda: not kept_by_the_kernel(site.port, reader))
                # A reset, so that a page that wakes up comes again at once.
                with pytest.raises(ConnectionResetError):
                    await read_all(stuck)
            assert site.hub.counts().connections == 1
            site.hub.publish("cremona", event(10_000))
            assert await listening.ids(10_000) == [10_000]

    run(flow)


def test_client_that_stops_reading_after_its_replay_is_dropped(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            for number in range(1, 101):
                site.hub.publish("cremona", event(number, size=20_000))
            listening = await site.reader()
            await listening.stream_opened()
            async with line(site, live(0)) as stuck:
                received = b""
                while b"\nid: 100\n" not in received[-40_000:] or not received.endswith(b"\n\n"):
                    received += await asyncio.get_running_loop().sock_recv(stuck, 65536)
                cost = await publish_until_dropped(site, listening, first=101)
                assert cost < 2 * SEND_BUFFER + UNREAD_LIMIT + SLACK

    run(flow)


def test_slow_client_gets_the_longest_replay_and_newer_events(run: Run) -> None:
    async def flow() -> None:
        missed, meanwhile = 2_000, 200
        database = Database()
        database.events = [event(number, size=EVENT) for number in range(1, missed + 1)]
        async with serving(hub_with(last_id=missed, database=database)) as site:
            async with line(site, live(0)) as slow:
                received = b""
                number = missed
                while f"\nid: {missed + meanwhile}\n".encode() not in received[-2_000:]:
                    # A little at a time, like a phone with poor reception.
                    received += await asyncio.get_running_loop().sock_recv(slow, 4096)
                    if number < missed + meanwhile:
                        number += 1
                        site.hub.publish("cremona", event(number, size=EVENT))
            told = [int(part.split(b"\n")[0]) for part in received.split(b"\nid: ")[1:]]
            assert told == list(range(1, missed + meanwhile + 1))
            assert site.hub.counts().dropped_slow == 0

    run(flow)


def test_client_that_does_not_read_the_goodbye_is_aborted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "GRACE_SECONDS", 0.1)

    async def flow() -> None:
        async with serving(hub_with()) as site, line(site) as stuck:
            site.hub.publish("cremona", event(1, size=10 * SEND_BUFFER))
            site.hub.close("cremona")
            reader = stuck.getsockname()[1]
            await site.until(lambda: not kept_by_the_kernel(site.port, reader))

    run(flow)
