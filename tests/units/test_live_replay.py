# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Replays for readers that return after a long time, and for readers that never read."""

from __future__ import annotations

import asyncio
import socket

import pytest

from canale.live import connection
from canale.live import hub as hubs
from canale.live.blocks import BLOCK, Blocks
from tests.standins.live_site import Database, HeldDatabase, Run, event, hub_with, live, serving


def test_replays_are_complete_and_share_their_bytes() -> None:
    events = [event(number) for number in range(7, 1_200, 3)]
    blocks = Blocks(events)
    for after in (0, 6, 7, 99, 100, 101, 650, 1_195, 1_198, 5_000):
        wanted = b"".join(one.data for one in events if one.id > after)
        assert b"".join(blocks.after(after)) == wanted
    own = {id(block): len(block) for after in range(300) for block in blocks.after(after)}
    whole = len(b"".join(one.data for one in events))
    # Each for itself would be some 270 times as much.
    assert sum(own.values()) < whole + 300 * BLOCK * max(len(one.data) for one in events)
    assert len(own) <= 300 + len(events) // BLOCK * 3 + 3


def test_reader_that_takes_nothing_of_a_replay_is_dropped(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(hubs, "STALL_SECONDS", 0.1)
    database = Database()
    database.events = [event(number, 4_000) for number in range(1, 2_001)]
    hub = hub_with(2_000, database)

    async def flow() -> None:
        async with serving(hub) as running:
            with socket.socket() as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                line.connect(("127.0.0.1", running.port))
                line.sendall(live(1))
                await running.until(lambda: hub.counts().connections == 1)
                await running.until(lambda: hub.counts().connections == 0)
                assert hub.counts().dropped_slow == 1
            reader = await running.reader(live(1))
            assert (await reader.stream_opened()).startswith("http/1.1 200")
            assert await reader.ids(2_000) == list(range(2, 2_001))
            await asyncio.sleep(0.3)
            assert hub.counts().connections == 1

    run(flow)


def test_backlog_is_read_again_if_too_much_was_published_during_a_read(
    monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(connection, "MAX_RECENT_EVENTS", 3)
    database = HeldDatabase()
    database.events = [event(number) for number in range(1, 4)]
    hub = hub_with(3, database)

    async def flow() -> None:
        async with serving(hub) as running:
            reader = await running.reader(live(1))
            await asyncio.to_thread(database.asked.wait, 30)
            for number in range(4, 11):
                database.events.append(event(number))
                hub.publish("cremona", event(number))
            database.answer.set()
            assert await reader.ids(10) == list(range(2, 11))
            hub.publish("cremona", event(11))
            assert await reader.ids(11) == [11]
            assert database.reads == 2

    run(flow)
