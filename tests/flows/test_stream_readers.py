# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stream readers get all that they missed, nothing twice, heartbeats, and a clean end."""

import asyncio
import random
import socket
import time
from collections.abc import Sequence

import pytest

from canale.live.connection import SLOTS
from canale.live.encoding import EncodedEvent
from canale.live.hub import Hub
from tests.standins.live_site import (
    LIVE,
    RETRY,
    Database,
    HeldDatabase,
    Run,
    Running,
    event,
    hub_with,
    live,
    serving,
)


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (live(3), [4, 5, 6]),
        (live(0), [1, 2, 3, 4, 5, 6]),
        (live(5), [6]),
        (live(999), [6]),
        (LIVE, [6]),
        (b"GET /live/cremona?last_event_id=4 HTTP/1.1\r\nHost: x\r\n\r\n", [5, 6]),
        (
            b"GET /live/cremona?last_event_id=1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 4\r\n\r\n",
            [5, 6],
        ),
    ],
)
def test_missed_events_are_replayed_from_memory(
    request_line: bytes, expected: list[int], run: Run
) -> None:
    async def flow() -> None:
        database = Database()
        async with serving(hub_with(database=database)) as site:
            for number in range(1, 6):
                site.hub.publish("cremona", event(number))
            reader = await site.reader(request_line)
            await reader.stream_opened()
            await site.until(lambda: site.hub.counts().by_channel["cremona"] == 1)
            site.hub.publish("cremona", event(6))
            site.hub.publish("cremona", event(6))  # told twice
            site.hub.publish("cremona", event(7))
            assert await reader.ids(7) == [*expected, 7]
            assert database.reads == 0

    run(flow)


class Traffic:
    """Readers that come and go at random, while a writer publishes."""

    def __init__(self, seed: int, first: int, last: int) -> None:
        self.chance = random.Random(seed)
        self.first = first
        self.last = last
        self.database = Database()
        self.database.events = [event(number) for number in range(1, first + 1)]

    def slow_backlog(self, handle: str, after: int) -> Sequence[EncodedEvent]:
        found = self.database.backlog(handle, after)
        time.sleep(0.02)  # events are published while the database answers
        return found

    async def publish(self, hub: Hub) -> None:
        for number in range(self.first + 1, self.last + 1):
            self.database.events.append(event(number))
            if self.chance.random() < 0.3:
                await asyncio.sleep(0)
            hub.publish("cremona", event(number))

    async def read(self, site: Running, after: int) -> list[int]:
        """One reader that loses its line now and then and comes back."""
        seen = [after]
        while seen[-1] < self.last:
            reader = await site.reader(live(seen[-1]))
            await reader.stream_opened()
            seen += await reader.ids(min(self.last, seen[-1] + self.chance.randint(1, 700)))
            reader.writer.close()
        return seen[1:]


@pytest.mark.parametrize("seed", [7, 8])
def test_replay_and_live_events_have_no_gap_and_no_duplicate(seed: int, run: Run) -> None:
    async def flow() -> None:
        traffic = Traffic(seed, first=300, last=1500)
        hub = Hub(traffic.slow_backlog)
        hub.open("cremona", traffic.first)
        async with serving(hub) as site:
            publishing = asyncio.create_task(traffic.publish(hub))
            starts = [traffic.chance.randint(0, traffic.first) for _ in range(25)]
            results = await asyncio.gather(*(traffic.read(site, after) for after in starts))
            await publishing
            for after, seen in zip(starts, results, strict=True):
                assert seen == list(range(after + 1, traffic.last + 1))
            assert traffic.database.reads > 1

    run(flow)


def test_events_published_during_a_database_read_are_not_lost(run: Run) -> None:
    async def flow() -> None:
        database = HeldDatabase()
        async with serving(hub_with(last_id=3, database=database)) as site:
            reader = await site.reader(live(1))
            await reader.stream_opened()
            await asyncio.to_thread(database.asked.wait, 10)
            for number in (4, 5):
                site.hub.publish("cremona", event(number))
            # The database already holds one that the hub has not heard of yet.
            database.events = [event(number) for number in range(1, 7)]
            database.answer.set()
            assert await reader.ids(5) == [2, 3, 4, 5]
            site.hub.publish("cremona", event(6))
            assert await reader.ids(6) == [6]

    run(flow)


def test_channel_closed_during_a_read_disconnects_its_readers(run: Run) -> None:
    async def flow() -> None:
        database = HeldDatabase()
        async with serving(hub_with(last_id=3, database=database)) as site:
            reader = await site.reader(live(1))
            await reader.stream_opened()
            await asyncio.to_thread(database.asked.wait, 10)
            site.hub.close("cremona")
            database.answer.set()
            assert RETRY.fullmatch(await reader.body())

    run(flow)


def test_reader_of_a_long_replay_is_not_dropped_as_slow(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            for number in range(1, 6):
                site.hub.publish("cremona", event(number, size=4_000_000))
            reader = await site.reader(live(0))
            await site.until(lambda: site.hub.counts().by_channel["cremona"] == 1)
            site.hub.publish("cremona", event(6))
            assert site.hub.counts().dropped_slow == 0
            assert await reader.ids(6) == [1, 2, 3, 4, 5, 6]

    run(flow)


STORM = 600


def test_reconnect_storm_reads_the_database_at_most_twice() -> None:
    async def flow() -> None:
        database = Database()
        database.events = [event(number) for number in range(1, 51)]
        hub = hub_with(last_id=50, database=database, client_limit=None)
        async with serving(hub) as site:
            readers = await asyncio.gather(*(site.reader(live(n % 50)) for n in range(STORM)))
            for number, reader in enumerate(readers):
                await reader.stream_opened()
                assert await reader.ids(50) == list(range(number % 50 + 1, 51))
            assert 1 <= database.reads <= 10
            await site.until(lambda: hub.counts().by_channel["cremona"] == STORM)
            hub.publish("cremona", event(51))
            hub.publish("cremona", event(52))
            for reader in readers:
                assert await reader.ids(52) == [51, 52]
            assert hub.counts().deliveries == 2 * STORM

    asyncio.run(flow())


async def storm(site: Running, waves: int, after: int, last: int) -> None:
    """Readers that come back one wave after the other, each served before the next comes."""
    for _ in range(waves):
        readers = await asyncio.gather(*(site.reader(live(after)) for _ in range(100)))
        for reader in readers:
            await reader.stream_opened()
            assert await reader.ids(last) == list(range(after + 1, last + 1))


def test_database_is_read_once_after_a_withdrawal(run: Run) -> None:
    async def flow() -> None:
        database = Database()
        hub = hub_with(database=database, client_limit=None)
        async with serving(hub) as site:
            for number in range(1, 21):
                database.events.append(event(number))
                hub.publish("cremona", event(number))
            hub.forget("cremona")
            # Readers that arrive during the first read wait for a second one.
            await storm(site, waves=5, after=15, last=20)
            assert database.reads <= 2
            await storm(site, waves=3, after=5, last=20)
            assert database.reads <= 4
            hub.publish("cremona", event(21))
            database.events.append(event(21))
            read = database.reads
            await storm(site, waves=3, after=5, last=21)
            assert database.reads == read

    run(flow)


def test_events_read_before_a_withdrawal_are_not_cached(run: Run) -> None:
    async def flow() -> None:
        database = HeldDatabase()
        database.events = [event(number) for number in range(1, 4)]
        async with serving(hub_with(last_id=3, database=database)) as site:
            early = await site.reader(live(0))
            await asyncio.to_thread(database.asked.wait, 10)
            site.hub.forget("cremona")
            site.hub.publish("cremona", event(4))
            database.answer.set()
            assert await early.ids(4) == [1, 2, 3, 4]
            database.events = [event(1), event(3), event(4)]
            late = await site.reader(live(0))
            assert await late.ids(4) == [1, 3, 4]
            assert await (await site.reader(live(0))).ids(4) == [1, 3, 4]
            assert database.reads == 2

    run(flow)


def test_backlog_read_from_the_database_is_bounded(run: Run) -> None:
    async def flow() -> None:
        database = Database()
        database.events = [event(number) for number in range(1, 401)]
        async with serving(hub_with(last_id=400, database=database)) as site:
            for after, reads in ((0, 1), (144, 1), (399, 1), (143, 2), (0, 3)):
                reader = await site.reader(live(after))
                assert await reader.ids(400) == list(range(after + 1, 401))
                assert database.reads == reads

    run(flow)


def test_readers_are_asked_to_reconnect_when_the_database_fails(run: Run) -> None:
    async def flow() -> None:
        def broken(handle: str, after: int) -> Sequence[EncodedEvent]:
            raise OSError("disk on fire")

        hub = Hub(broken)
        hub.open("cremona", 10)
        async with serving(hub) as site:
            reader = await site.reader(live(3))
            await reader.stream_opened()
            assert RETRY.fullmatch(await reader.body())
            await site.until(lambda: hub.counts().connections == 0)

    run(flow)


def test_slow_reader_is_dropped_without_affecting_others(
    run: Run,
) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            listening = await site.reader()
            await listening.stream_opened()
            stuck = socket.socket()
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(stuck, ("127.0.0.1", site.port))
            await loop.sock_sendall(stuck, LIVE)
            await site.until(lambda: site.hub.counts().connections == 2)
            number = 0
            while site.hub.counts().dropped_slow == 0:
                number += 1
                site.hub.publish("cremona", event(number, size=20_000))
                assert await listening.ids(number) == [number]
                assert number < 2000
            assert site.hub.counts().connections == 1
            site.hub.publish("cremona", event(number + 1))
            assert await listening.ids(number + 1) == [number + 1]
            stuck.close()

    run(flow)


def test_every_reader_gets_a_heartbeat_in_every_interval(run: Run) -> None:
    async def flow() -> None:
        steps = 0

        async def step() -> None:
            # The same loop counts the time, so a busy machine slows both down.
            nonlocal steps
            while True:
                await asyncio.sleep(0.25 / SLOTS)
                steps += 1

        async with serving(hub_with(heartbeat=0.25)) as site:
            stepping = asyncio.create_task(step())
            readers = [await site.reader() for _ in range(30)]
            for reader in readers:
                await reader.stream_opened()
            begun = steps
            for _ in range(3):
                for reader in readers:
                    assert await reader.block() == ": \n\n"
            assert steps > 1.5 * SLOTS
            assert steps - begun < 6 * SLOTS
            stepping.cancel()

    run(flow)


def test_shutdown_tells_readers_when_to_reconnect(run: Run) -> None:
    async def flow() -> None:
        hub = hub_with()
        async with serving(hub) as site:
            readers = [await site.reader() for _ in range(20)]
            for reader in readers:
                await reader.stream_opened()
        ends = [await reader.body() for reader in readers]
        assert all(RETRY.fullmatch(end) for end in ends)
        assert len(set(ends)) > 1
        assert hub.counts().connections == 0

    run(flow)


def test_shutdown_does_not_wait_for_slow_readers(
    run: Run,
) -> None:
    async def flow() -> None:
        hub = hub_with()
        async with serving(hub) as site:
            stuck = await site.reader()
            await stuck.stream_opened()
            stuck.writer.transport.pause_reading()  # type: ignore[attr-defined]
            hub.publish("cremona", event(1, size=20_000_000))
        assert hub.counts().connections == 0  # serving() gives the server 10 seconds

    run(flow)


def test_closed_channel_disconnects_its_readers(run: Run) -> None:
    async def flow() -> None:
        hub = hub_with()
        async with serving(hub) as site:
            reader = await site.reader()
            await reader.stream_opened()
            hub.close("cremona")
            assert RETRY.fullmatch(await reader.body())
            again = await site.reader()
            assert "404" in await again.head()

    run(flow)
