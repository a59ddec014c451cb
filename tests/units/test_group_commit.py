# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Acts are performed together, and fail alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from django.db import IntegrityError, OperationalError

from canale.runtime.group_commit import GroupCommit


class Writer:
    """Remembers the groups it was given; refuses a group that holds a bad act."""

    def __init__(self, *failures: Exception) -> None:
        self.groups: list[list[int]] = []
        self.failures = list(failures)
        self.may_go_on = threading.Event()

    def perform(self, acts: Sequence[int]) -> list[int]:
        assert self.may_go_on.wait(10)
        self.groups.append(list(acts))
        if self.failures:
            raise self.failures.pop(0)
        if 13 in acts:
            raise IntegrityError("unlucky")
        return [act * 2 for act in acts]


async def outcomes(writer: Writer, acts: Sequence[int], most: int = 500) -> list[object]:
    """Return the results of writes that all arrive while the first is being performed."""
    grouped = GroupCommit("test", writer.perform, most)
    tasks = [asyncio.create_task(grouped.do(act)) for act in acts]
    await asyncio.sleep(0)  # Each has had its turn.
    writer.may_go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_first_write_does_not_wait_and_later_ones_are_grouped() -> None:
    writer = Writer()
    assert asyncio.run(outcomes(writer, range(8), most=5)) == [n * 2 for n in range(8)]
    assert writer.groups == [[0], [1, 2, 3, 4, 5], [6, 7]]


def test_failing_write_does_not_affect_its_group() -> None:
    writer = Writer()
    said = asyncio.run(outcomes(writer, [1, 2, 13, 4]))
    assert [said[0], said[1], said[3]] == [2, 4, 8]
    assert isinstance(said[2], IntegrityError)
    assert writer.groups == [[1], [2, 13, 4], [2], [13], [4]]


def test_deadlocked_group_is_retried() -> None:
    writer = Writer(OperationalError("deadlock detected"))
    assert asyncio.run(outcomes(writer, [1, 2, 3])) == [2, 4, 6]
    assert writer.groups == [[1], [1], [2, 3]]


def test_outage_is_tried_once_per_group() -> None:
    writer = Writer(*[OperationalError("away")] * 4)
    said = asyncio.run(outcomes(writer, [1, 2, 3]))
    assert all(isinstance(one, OperationalError) for one in said)
    assert writer.groups == [[1], [1], [2, 3], [2, 3]]


def test_lock_timeout_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canale.runtime.group_commit.RETRY_WITHIN_SECONDS", 0)
    writer = Writer(OperationalError("database is locked"))
    said = asyncio.run(outcomes(writer, [1, 2]))
    assert isinstance(said[0], OperationalError)
    assert said[1] == 4


def test_cancelled_caller_does_not_affect_the_others() -> None:
    async def flow() -> None:
        writer = Writer()
        grouped = GroupCommit("test", writer.perform)
        tasks = [asyncio.create_task(grouped.do(act)) for act in (1, 2, 3)]
        await asyncio.sleep(0)  # Each has had its turn.
        tasks[1].cancel()
        writer.may_go_on.set()
        assert await tasks[2] == 6
        assert writer.groups == [[1], [2, 3]]

    asyncio.run(flow())
