# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""All machines count by the database's clock, whatever their own says."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.delivery.clock import SLOW_SECONDS, DatabaseClock, by_the_databases_clock
from canale.delivery.models import Broadcast
from canale.delivery.pending import claim_pending, plan_welcomes
from canale.delivery.plan import TIME_TO_LIVE
from canale.delivery.slo import seconds_left, slo_seconds
from canale.followers.models import Address, Follower
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgres,
]
on_postgresql = pytest.mark.postgres(only="SQLite has no clock of its own")


def ours() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is an hour ahead."""
    monkeypatch.setattr(timezone, "now", lambda: ours() + HOUR)


@pytest.mark.usefixtures("wrong")
def test_machine_clock_is_used_until_the_database_clock_is_read() -> None:
    assert abs(DatabaseClock()() - ours() - HOUR) < MINUTE


@on_postgresql
@pytest.mark.usefixtures("wrong")
def test_database_clock_advances_with_the_monotonic_clock() -> None:
    seconds = 100.0
    clock = DatabaseClock(lambda: seconds)
    clock.read()
    assert abs(clock() - ours()) < MINUTE
    seconds += HOUR.total_seconds()
    assert abs(clock() - ours() - HOUR) < MINUTE


@on_postgresql
def test_slow_clock_reading_is_ignored_unless_it_is_the_first() -> None:
    slow = iter((0.0, 0.0, 0.0, 100.0, 100.0 + 2 * SLOW_SECONDS, 100.0))
    clock = DatabaseClock(lambda: next(slow))
    clock.read()
    first = clock()
    clock.read()
    # A hundred seconds later, which is what only the monotonic clock says.
    assert abs(clock() - first - timedelta(seconds=100)) < timedelta(milliseconds=1)


# Batches planned on a web machine are timed by workers on another machine.


@pytest.fixture
def channel() -> Channel:
    return create_channel("cremona", "Comune di Cremona")


@pytest.fixture
def address(channel: Channel) -> Address:
    follower = Follower.objects.create(channel=channel, token_hash=b"1" * 32, language="it")
    return Address.objects.create(
        follower=follower, channel=channel, kind="push", sealed=b"", fingerprint=b"1" * 32
    )


def workers() -> datetime:
    clock = DatabaseClock()
    clock.read()
    return clock()


def test_local_times_are_converted_to_the_database_clock(
    request: pytest.FixtureRequest,
) -> None:
    assert abs(by_the_databases_clock(timezone.now() - HOUR) - ours() + HOUR) < MINUTE
    if connection.vendor == "postgresql":
        request.getfixturevalue("wrong")
        assert abs(by_the_databases_clock(timezone.now() - HOUR) - ours() + HOUR) < MINUTE


def test_welcome_is_due_immediately(
    address: Address, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "postgresql":
        request.getfixturevalue("wrong")
    plan_welcomes([address.pk])
    claimed = claim_pending(workers(), urgent=True)
    assert claimed is not None
    assert [row.address_id for row in claimed.rows] == [address.pk]


@on_postgresql
@pytest.mark.usefixtures("wrong", "address")
def test_slo_and_expiry_use_the_workers_clock(channel: Channel) -> None:
    publish(save_draft(channel, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    broadcast, now = Broadcast.objects.get(), workers()
    assert 0 < slo_seconds(urgent=False) - seconds_left(broadcast, now) < 30
    assert abs(broadcast.expires_at - now - TIME_TO_LIVE["news"]) < MINUTE
