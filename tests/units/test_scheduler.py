# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The scheduler's tasks: each at its interval, and an error in one stops no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from canale.publishing import scheduler
from canale.publishing.scheduler import Scheduler

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_each_task_has_its_interval_and_is_retried_after_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    def bad(now: datetime) -> None:
        done.append("bad")
        raise RuntimeError("the disk is full")

    tasks = (
        (timedelta(seconds=1), bad),
        (timedelta(seconds=1), lambda now: done.append("often")),
        (timedelta(seconds=5), lambda now: done.append("seldom")),
    )
    monkeypatch.setattr(scheduler, "TASKS", tasks)
    clock = Scheduler()
    for _ in range(10):
        clock.tick(NOW)
    assert (done.count("bad"), done.count("often"), done.count("seldom")) == (10, 10, 2)


@pytest.mark.django_db
def test_clock_set_back_postpones_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TASKS", ())
    told: list[datetime] = []
    monkeypatch.setattr(scheduler, "clamp_deadlines", told.append)
    seconds = iter((100.0, 101.0, 102.0, 103.0, 104.0))
    clock = Scheduler(monotonic=lambda: next(seconds))
    clock.tick(NOW)
    # A time service corrects by a little, and a summer storm by an hour forward.
    clock.tick(NOW - timedelta(seconds=2))
    clock.tick(NOW + timedelta(hours=1))
    assert told == []
    back = NOW + timedelta(seconds=2)
    clock.tick(back)
    clock.tick(back + timedelta(seconds=1))
    # Again for a while: others may not have noticed yet.
    assert told == [back, back + timedelta(seconds=1)]
