# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Few connections are opened at once, and calls wait for their turn in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from canale.net import connection_pacer
from canale.net.connection_pacer import MAX_OPENING, ConnectionPacer, Opening


@pytest.fixture(autouse=True)
def openings_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pacer, "OPENING_SECONDS", 3600)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def begun(pacer: ConnectionPacer, count: int) -> list[asyncio.Task[Opening | None]]:
    tasks = [asyncio.create_task(pacer.begin()) for _ in range(count)]
    await settled()
    return tasks


def test_more_connections_are_opened_as_calls_are_answered() -> None:
    async def work() -> None:
        pacer = ConnectionPacer()
        calls = await begun(pacer, 3 * MAX_OPENING)
        opened = [call.done() for call in calls]
        assert opened == [True] * MAX_OPENING + [False] * 2 * MAX_OPENING
        assert not pacer.has_room
        pacer.end(calls[0].result(), answered=True)
        await settled()
        # One call takes the connection that is idle now, another opens one.
        waiting = calls[MAX_OPENING:]
        assert [call.done() for call in waiting[:3]] == [True, True, False]
        assert waiting[0].result() is None
        assert waiting[1].result() is not None
        for call in calls:
            call.cancel()

    run(work())


def test_connection_without_an_answer_is_not_counted_on() -> None:
    async def work() -> None:
        pacer = ConnectionPacer()
        pacer.end(await pacer.begin(), answered=True)
        assert await pacer.begin() is None
        pacer.end(None, answered=False)
        assert await pacer.begin() is not None

    run(work())


def test_calls_to_a_server_that_takes_its_time_wait_for_the_handshake_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_pacer, "OPENING_SECONDS", 0.01)

    async def work() -> None:
        pacer = ConnectionPacer()
        await asyncio.gather(*await begun(pacer, 5 * MAX_OPENING))

    run(work())


def test_connections_that_the_server_may_have_closed_are_not_counted_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        pacer = ConnectionPacer()
        pacer.end(await pacer.begin(), answered=True)
        monkeypatch.setattr(connection_pacer, "KEPT_OPEN_SECONDS", -1)
        assert await pacer.begin() is not None

    run(work())


def test_turn_of_a_cancelled_call_passes_to_the_next() -> None:
    async def work() -> None:
        pacer = ConnectionPacer()
        calls = await begun(pacer, MAX_OPENING + 3)
        unlucky, cancelled, last = calls[MAX_OPENING:]
        cancelled.cancel()
        await settled()
        pacer.end(calls[0].result(), answered=False)
        # Its turn has come, and it has not run since.
        unlucky.cancel()
        assert await last is not None

    run(work())
