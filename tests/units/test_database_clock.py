# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""All machines count by the database's clock, whatever their own says."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from canale.delivery.clock import SLOW_SECONDS, DatabaseClock

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgres,
]
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no clock of its own"
)


def ours() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is an hour ahead."""
    monkeypatch.setattr(timezone, "now", lambda: ours() + HOUR)


@pytest.mark.usefixtures("wrong")
def test_until_it_was_read_it_is_the_machines() -> None:
    assert abs(DatabaseClock()() - ours() - HOUR) < MINUTE


@on_postgresql
@pytest.mark.usefixtures("wrong")
def test_what_it_read_goes_on_by_the_monotonic_clock() -> None:
    seconds = 100.0
    clock = DatabaseClock(lambda: seconds)
    clock.read()
    assert abs(clock() - ours()) < MINUTE
    seconds += HOUR.total_seconds()
    assert abs(clock() - ours() - HOUR) < MINUTE


@on_postgresql
def test_an_answer_that_took_long_does_not_count_unless_it_is_the_first() -> None:
    slow = iter((0.0, 0.0, 0.0, 100.0, 100.0 + 2 * SLOW_SECONDS, 100.0))
    clock = DatabaseClock(lambda: next(slow))
    clock.read()
    first = clock()
    clock.read()
    # A hundred seconds later, which is what only the monotonic clock says.
    assert abs(clock() - first - timedelta(seconds=100)) < timedelta(milliseconds=1)
