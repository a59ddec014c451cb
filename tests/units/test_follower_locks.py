# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Code that changes addresses locks their followers first, so that there are no deadlocks.

Each test locks a follower, runs the other operation into that lock, and checks that it holds no
other lock while it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.delivery.chunk import recipient_of
from canale.delivery.models import Broadcast, PendingMessage
from canale.delivery.pending import PendingLease
from canale.delivery.plan import stop_broadcasts
from canale.delivery.transports.base import Outcome, Result
from canale.followers.addresses import delete_gone
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address, ChannelCount, Follower
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from tests.locks import somebody_waits
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres(only="SQLite has one writer at a time"),
]


@pytest.fixture
def city() -> Channel:
    return create_channel("cremona", "Cremona")


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread
        thread.submit(lambda: connection.close()).result()


def subscription(number: int) -> tuple[str, dict[str, object]]:
    return "push", {"endpoint": f"https://push.example/{number}"}


def followed(city: Channel, number: int) -> Address:
    who = follow(city, new_token(), address=subscription(number), topics=[], language="it")
    return Address.objects.get(pk=who.new_address_id)


def holds_nothing_while_it_waits(
    elsewhere: ThreadPoolExecutor, held: Follower, act: Callable[[], object], *free: QuerySet[Any]
) -> None:
    with transaction.atomic():
        Follower.objects.select_for_update().get(pk=held.pk)
        acting = elsewhere.submit(act)
        wait_until(somebody_waits)
        for rows in free:
            assert list(rows.select_for_update(nowait=True))
    acting.result(30)


def test_gone_address_is_not_locked_while_waiting_for_its_follower(
    city: Channel, elsewhere: ThreadPoolExecutor
) -> None:
    address = followed(city, 1)
    holds_nothing_while_it_waits(
        elsewhere,
        address.follower,
        lambda: delete_gone([address.pk]),
        Address.objects.filter(pk=address.pk),
    )
    assert not Follower.objects.exists()


def test_follow_locks_no_count_while_waiting_for_the_previous_follower(
    city: Channel, elsewhere: ThreadPoolExecutor
) -> None:
    address = followed(city, 1)
    holds_nothing_while_it_waits(
        elsewhere,
        address.follower,
        lambda: follow(city, new_token(), address=subscription(1), topics=[], language="en"),
        Address.objects.filter(pk=address.pk),
        ChannelCount.objects.filter(channel=city),
    )
    assert [each.language for each in Follower.objects.all()] == ["en"]
    assert ChannelCount.objects.get().followers == 1


def test_device_that_follows_twice_at_once_is_one_follower(
    city: Channel, elsewhere: ThreadPoolExecutor
) -> None:
    token, address = new_token(), subscription(1)
    with transaction.atomic():
        assert follow(city, token, address=address, topics=[], language="it").created
        acting = elsewhere.submit(
            lambda: follow(city, token, address=address, topics=[], language="en")
        )
        wait_until(somebody_waits)
    assert not acting.result(30).created
    assert [each.language for each in Follower.objects.all()] == ["en"]
    assert ChannelCount.objects.get().followers == 1


def test_retry_is_not_locked_while_waiting_for_a_follower(
    city: Channel, elsewhere: ThreadPoolExecutor
) -> None:
    address = followed(city, 1)
    post = publish(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    now = timezone.now()
    row = PendingMessage.objects.create(
        broadcast=Broadcast.objects.get(post=post),
        address=address,
        not_before=now + timedelta(hours=1),
    )
    gone = Result(Outcome.GONE, 410, "")
    holds_nothing_while_it_waits(
        elsewhere,
        address.follower,
        lambda: PendingLease([row], row.broadcast).record_results(
            [(recipient_of(address), gone)], now
        ),
        PendingMessage.objects.filter(pk=row.pk),
    )
    assert not PendingMessage.objects.exists()


def test_broadcast_is_not_locked_while_waiting_for_its_retries(
    city: Channel, elsewhere: ThreadPoolExecutor
) -> None:
    address = followed(city, 1)
    post = publish(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    broadcast, now = Broadcast.objects.get(post=post), timezone.now()
    row = PendingMessage.objects.create(broadcast=broadcast, address=address, not_before=now)

    def stop() -> None:
        with transaction.atomic():
            stop_broadcasts(post.pk, now)

    with transaction.atomic():
        # Lock it as recording does, which then counts it in the broadcast.
        PendingMessage.objects.select_for_update().get(pk=row.pk)
        stopping = elsewhere.submit(stop)
        wait_until(somebody_waits)
        assert Broadcast.objects.select_for_update(nowait=True).get(pk=broadcast.pk)
    stopping.result(30)
    assert not PendingMessage.objects.exists()


def _stop(broadcast: Broadcast, rows: list[PendingMessage]) -> None:
    stop_broadcasts(broadcast.post_id, timezone.now())


def _drop(broadcast: Broadcast, rows: list[PendingMessage]) -> None:
    PendingLease(rows, broadcast).drop()


def _record(broadcast: Broadcast, rows: list[PendingMessage]) -> None:
    accepted = Result(Outcome.ACCEPTED, 201, "")
    results = [(recipient_of(row.address), accepted) for row in rows]
    PendingLease(rows, broadcast).record_results(results, timezone.now())


@pytest.mark.parametrize("act", [_stop, _drop, _record])
def test_retries_are_locked_in_the_order_of_their_ids(
    city: Channel,
    elsewhere: ThreadPoolExecutor,
    act: Callable[[Broadcast, list[PendingMessage]], None],
) -> None:
    addresses = [followed(city, number) for number in range(3)]
    post = publish(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    broadcast, now = Broadcast.objects.get(post=post), timezone.now()
    rows = [
        PendingMessage.objects.create(broadcast=broadcast, address=each, not_before=now)
        for each in reversed(addresses)
    ]
    first, *others = [row.pk for row in rows]
    # On the disk, and in the indexes of broadcasts, it comes after the others now, and so it does
    # for who takes them as they lie.
    PendingMessage.objects.filter(pk=first).update(not_before=now - timedelta(hours=1))

    def acting() -> None:
        with transaction.atomic():
            act(broadcast, rows)

    with transaction.atomic():
        PendingMessage.objects.select_for_update().get(pk=first)
        done = elsewhere.submit(acting)
        wait_until(somebody_waits)
        free = PendingMessage.objects.filter(pk__in=others)
        assert len(free.select_for_update(nowait=True)) == len(others)
    done.result(30)
    assert not PendingMessage.objects.exists()
