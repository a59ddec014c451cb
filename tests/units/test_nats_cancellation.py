# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Work that swallows its cancellation ends all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from canale.nats import cancellation
from canale.nats.cancellation import cancel_until_done
from tests.waiting import TIMEOUT_SECONDS


async def deaf(times: int) -> str:
    """Swallows so many cancellations."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if not times:
                raise
            times -= 1


def run(flow: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await flow

    asyncio.run(in_time())


@pytest.mark.parametrize("cancelled", [1, 2, 3])
def test_cancelling_is_repeated_until_the_task_ends(
    monkeypatch: pytest.MonkeyPatch, cancelled: int
) -> None:
    monkeypatch.setattr(cancellation, "RETRY_SECONDS", 0.01)

    async def flow() -> None:
        work = asyncio.create_task(deaf(4))
        waiting = asyncio.create_task(cancel_until_done(lambda: wait_for(work)))
        await asyncio.sleep(0.01)
        for _ in range(cancelled):
            waiting.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert work.cancelled()

    async def wait_for(work: asyncio.Task[str]) -> str:
        return await work

    run(flow())


def test_result_and_exception_are_passed_on() -> None:
    async def returns() -> str:
        await asyncio.sleep(0)
        return "done"

    async def fails() -> str:
        await asyncio.sleep(0)
        raise LookupError("not there")

    async def flow() -> None:
        assert await cancel_until_done(returns) == "done"
        with pytest.raises(LookupError, match="not there"):
            await cancel_until_done(fails)

    run(flow())


def test_task_that_does_not_end_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cancellation, "RETRY_SECONDS", 0.01)

    async def flow() -> None:
        waiting = asyncio.create_task(cancel_until_done(lambda: deaf(12)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(flow())
    assert [record.name for record in caplog.records] == ["canale.nats.cancellation"]
    assert "deaf" in caplog.text


@pytest.mark.filterwarnings("error")
def test_cancelling_before_the_start_leaves_no_task() -> None:
    async def flow() -> None:
        begun: list[str] = []

        async def work() -> None:
            begun.append("work")

        waiting = asyncio.create_task(cancel_until_done(work))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not begun

    run(flow())
