# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bus of several machines, on a real nats-server."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from canale.nats.bus import EVERYTHING, MAX_HINT_BYTES, MAX_WAITING, NatsBus
from canale.nats.connection import installation
from tests.nats_server import (
    Heard,
    NatsServer,
    close_buses,
    closed_buses,  # noqa: F401
    listening,
    needs_nats,
    new_bus,
    run,
    tell_from_a_process,
)
from tests.waiting import until

pytestmark = [needs_nats, pytest.mark.usefixtures("closed_buses")]

# The processor time that a notification may cost a request; in fact some microseconds.
NOTICEABLE_SECONDS = 0.001


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path) as server:
        yield server
        close_buses()


def test_every_listener_receives_a_notification(nats: NatsServer) -> None:
    async def flow() -> None:
        bus, other = new_bus(nats.url), new_bus(nats.url)
        one, two = await listening(bus), await listening(other)
        three: Heard = []

        listener = bus.subscribe({"live": lambda data: three.append(("live", data))})
        one.clear()
        bus.publish("live", b"17")
        await until(lambda: one and two and three)
        assert one == two == three == [("live", b"17")]
        listener.close()
        listener.close()
        other.publish("work")
        await until(lambda: len(one) == len(two) == 2)
        assert one[1] == two[1] == ("work", b"")
        assert len(three) == 1

    run(flow)


def test_installations_on_one_server_are_isolated(nats: NatsServer) -> None:
    async def flow() -> None:
        names = installation("k" * 32), installation("q" * 32)
        assert names[0] != names[1]
        ours, theirs = (new_bus(nats.url, installation=name) for name in names)
        at_ours, at_theirs = await listening(ours), await listening(theirs)
        theirs.publish("live", b"theirs")
        ours.publish("live", b"ours")
        await until(lambda: at_ours and at_theirs)
        assert (at_ours, at_theirs) == ([("live", b"ours")], [("live", b"theirs")])

    run(flow)


def test_notifications_of_a_short_process_and_a_thread_arrive(nats: NatsServer) -> None:
    async def flow() -> None:
        bus = new_bus(nats.url)
        heard = await listening(bus)
        told = await asyncio.to_thread(tell_from_a_process, nats.url, "city", "live", "process")
        assert told == ""
        thread = threading.Thread(target=bus.publish, args=("live", b"thread"))
        thread.start()
        await until(lambda: len(heard) == 2)
        thread.join()
        assert heard == [("live", b"process"), ("live", b"thread")]

    run(flow)


def _publish_forked(bus: NatsBus) -> None:
    bus.publish("live", b"child")
    # multiprocessing ends a child without its exit handlers; a forked server lives on.
    time.sleep(2)


def test_a_forked_process_makes_its_own_connection(nats: NatsServer) -> None:
    async def flow() -> None:
        bus = new_bus(nats.url)
        heard = await listening(bus)
        child = multiprocessing.get_context("fork").Process(target=_publish_forked, args=(bus,))
        child.start()
        await until(lambda: heard == [("live", b"child")])
        await asyncio.to_thread(child.join, 10)
        assert child.exitcode == 0
        bus.publish("live", b"parent")
        await until(lambda: heard[1:] == [("live", b"parent")])

    run(flow)


def test_burst_wakes_the_listener_without_blocking_the_publisher(nats: NatsServer) -> None:
    async def flow() -> None:
        bus = new_bus(nats.url)
        heard = await listening(bus)
        for number in range(20_000):  # the listener's loop does not run until all are sent
            bus.publish("live", str(number).encode())
        assert heard == []
        # Too many to keep: who was busy is told to look at everything, and is not deaf afterwards.
        await until(lambda: set(EVERYTHING) <= set(heard))
        bus.publish("live", b"last")
        await until(lambda: ("live", b"last") in heard)
        assert len(heard) < 20_000

    run(flow)


def test_repeated_notifications_are_coalesced(nats: NatsServer) -> None:
    async def flow() -> None:
        bus = new_bus(nats.url)
        heard = await listening(bus)
        for _ in range(5_000):
            bus.publish("live")
        bus.publish("live", b"end")
        await until(lambda: ("live", b"end") in heard)
        assert 2 <= len(heard) < 1_000

    run(flow)


def test_failing_callback_does_not_stop_the_listener(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow() -> None:
        heard: list[bytes] = []

        def callback(data: bytes) -> None:
            heard.append(data)
            raise RuntimeError("broken")

        bus = new_bus(nats.url)
        await listening(bus)
        bus.subscribe({"live": callback})
        bus.publish("live", b"1")
        bus.publish("live", b"2")
        await until(lambda: heard[-2:] == [b"1", b"2"])

    run(flow)
    # In the bus's own words: asyncio would report it, and lose the hints that came together.
    assert {record.name for record in caplog.records} == {"canale.nats.bus"}
    assert any("('live', b'2')" in message for message in caplog.messages)


def test_notification_that_cannot_be_sent_does_not_stop_others(nats: NatsServer) -> None:
    async def flow() -> None:
        bus = new_bus(nats.url)
        heard = await listening(bus)
        bus.publish("not a subject")
        bus.publish("live", b"x" * (MAX_HINT_BYTES + 1))
        bus.publish("live", b"1")
        await until(lambda: heard)
        assert heard == [("live", b"1")]

    run(flow)


def test_listener_with_a_closed_loop_is_ignored(nats: NatsServer) -> None:
    bus = new_bus(nats.url)
    run(lambda: _subscribe_and_leave(bus))

    async def flow() -> None:
        heard = await listening(bus)
        bus.publish("live", b"1")
        await until(lambda: heard == [("live", b"1")])
        assert len(bus._running_thread()._listeners) == 1

    run(flow)


async def _subscribe_and_leave(bus: NatsBus) -> None:
    await listening(bus)


def test_listener_receives_again_after_a_server_restart(
    nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "canale.nats")

    async def flow() -> None:
        bus, other = new_bus(nats.url), new_bus(nats.url)
        heard, elsewhere = await listening(bus), await listening(other)
        caplog.clear()
        nats.stop()
        await until(lambda: bus.problem and other.problem)
        begun = time.thread_time()
        for number in range(2 * MAX_WAITING):
            bus.publish("live", str(number).encode())
        assert time.thread_time() - begun < 2 * MAX_WAITING * NOTICEABLE_SECONDS
        # This process hears itself, NATS or not.
        await until(lambda: heard)
        assert elsewhere == []
        await asyncio.sleep(2)
        assert len(caplog.records) == 2, "once for each bus, however many hints and attempts"
        nats.start()
        await until(lambda: not bus.problem and not other.problem)
        await until(lambda: set(EVERYTHING) <= set(heard) and set(EVERYTHING) <= set(elsewhere))
        # The first listener did not miss the notifications sent in between.
        other.publish("live", b"again")
        await until(lambda: heard[-1] == elsewhere[-1] == ("live", b"again"))
        words = [record.getMessage() for record in caplog.records]
        assert sum("unreachable" in word for word in words) == 2
        assert sum("reachable again" in word for word in words) == 2
        assert len(words) == 4

    run(flow)


def test_notifications_before_the_connection_are_sent_once_connected(nats: NatsServer) -> None:
    async def flow() -> None:
        heard = await listening(new_bus(nats.url))
        bus = new_bus(nats.url)
        for number in range(5):
            bus.publish("pages", str(number).encode())
        await until(lambda: len(heard) == 5)
        assert heard == [("pages", str(number).encode()) for number in range(5)]

    run(flow)


def test_process_exit_does_not_wait_for_unreachable_nats(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path)
    begun = time.perf_counter()
    said = tell_from_a_process(nats.url, "city", "live", "process")
    assert time.perf_counter() - begun < 5
    assert len(said.splitlines()) == 1
    assert "unreachable" in said
