# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches that are stopped, lost or set aside on their way: nothing is sent or counted twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from canale.channel.models import Channel, Post, Topic
from canale.delivery.chunk import recipient_of
from canale.delivery.leases import BATCH_LEASE, LeaseLostError, clamp_deadlines
from canale.delivery.models import Batch, Broadcast, PendingMessage
from canale.delivery.pending import PendingLease, claim_pending
from canale.delivery.window import CHUNK_ADDRESSES, RETRY_CHUNK, WINDOW_ADDRESSES, window_of
from canale.followers.models import Address
from canale.publishing.content import Content
from canale.publishing.correct import correct
from canale.publishing.expire import expire_due
from canale.publishing.withdraw import withdraw
from tests.sending import (
    RETRY,
    Clock,
    add_follower,
    city_of,
    lease,
    new_reader,
    next_batch_chunk,
    published,
    record,
)

pytestmark = pytest.mark.django_db(transaction=True)
A, B = "a:1:1", "b:1:1"


@pytest.fixture
def city(monkeypatch: pytest.MonkeyPatch) -> Channel:
    monkeypatch.setattr("canale.delivery.leases.CHUNK_ADDRESSES", 2)
    return city_of(6)


def _withdraw(post: Post) -> None:
    withdraw(post, reason="Errore", by="cli")


def _correct(post: Post) -> None:
    correct(post, Content("news", "Il Po scende", "Testo"), note="Errore", by="cli")


def _expire(post: Post) -> None:
    assert post.visible_until is not None
    expire_due(post.visible_until)


@pytest.mark.parametrize("stop", [_withdraw, _correct, _expire])
def test_rest_of_a_stopped_batch_is_skipped(city: Channel, stop: Callable[[Post], None]) -> None:
    post, clock = published(city), Clock()
    broadcast = Broadcast.objects.get()
    reader = new_reader(A, clock)
    first = next_batch_chunk(reader)
    record(clock.now, first)
    stop(post)
    rest = next_batch_chunk(reader)
    assert (rest.lease.broadcast, rest.recipients, rest.last) == (broadcast, [], True)
    record(clock.now, rest)
    broadcast.refresh_from_db()
    assert (broadcast.accepted, broadcast.skipped) == (2, 4)
    assert broadcast.batches.get().state == Batch.State.DONE


def test_rest_of_an_expired_batch_is_skipped(city: Channel) -> None:
    published(city)
    clock = Clock()
    reader = new_reader(A, clock)
    record(clock.now, next_batch_chunk(reader))
    clock.now = Broadcast.objects.get().expires_at
    record(clock.now, next_batch_chunk(reader))
    assert (Broadcast.objects.get().skipped, Batch.objects.get().state) == (4, Batch.State.DONE)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_batch_finishes_when_its_last_followers_have_left(city: Channel, left: int) -> None:
    published(city)
    there = Address.objects.order_by("pk").values_list("pk", flat=True)
    Address.objects.filter(pk__in=list(there)[left:]).delete()
    clock, reader = Clock(), new_reader(A, Clock())
    for _ in range(left // 2 + 1):
        record(clock.now, next_batch_chunk(reader))
    assert (Broadcast.objects.get().accepted, Batch.objects.get().state) == (left, Batch.State.DONE)
    assert reader.next(window_of([])) is None


def test_followers_who_did_not_choose_the_topic_are_counted_as_skipped(city: Channel) -> None:
    Topic.objects.create(channel=city, slug="sport", name="Sport")
    Topic.objects.create(channel=city, slug="scuola", name="Scuola")
    for number in (100, 101):
        add_follower(city, number, ("scuola",))
    published(city, topics=("sport",))
    clock, reader = Clock(), new_reader(A, Clock())
    while Batch.objects.exclude(state=Batch.State.DONE).exists():
        record(clock.now, next_batch_chunk(reader))
    broadcast = Broadcast.objects.get()
    assert (broadcast.planned, broadcast.accepted, broadcast.skipped) == (8, 6, 2)


def test_worker_whose_lease_ended_records_nothing(city: Channel) -> None:
    published(city)
    clock = Clock()
    late = next_batch_chunk(new_reader(A, clock))
    clock.now += BATCH_LEASE + timedelta(seconds=1)
    other = next_batch_chunk(new_reader(B, clock))
    before = Batch.objects.values().get(), Broadcast.objects.values().get()
    with pytest.raises(LeaseLostError) as lost:
        record(clock.now, late)
    assert lost.value.lease is lease(late)
    assert (Batch.objects.values().get(), Broadcast.objects.values().get()) == before
    record(clock.now, other)
    broadcast, batch = Broadcast.objects.get(), Batch.objects.get()
    assert (broadcast.accepted, batch.cursor, batch.claimed_by) == (2, other.end, B)


def test_results_of_an_earlier_claim_are_not_recorded(city: Channel) -> None:
    """The name alone does not tell the claims apart; the cursor does."""
    published(city)
    clock = Clock()
    late = next_batch_chunk(new_reader(A, clock))
    clock.now += BATCH_LEASE + timedelta(seconds=1)
    record(clock.now, next_batch_chunk(new_reader(A, clock)))
    with pytest.raises(LeaseLostError):
        record(clock.now, late)
    assert Broadcast.objects.get().accepted == 2


def test_lost_batch_is_forgotten_by_its_reader(city: Channel) -> None:
    published(city)
    clock = Clock()
    reader = new_reader(A, clock)
    lost = lease(next_batch_chunk(reader))
    clock.now += BATCH_LEASE + timedelta(seconds=1)
    assert lease(next_batch_chunk(new_reader(B, clock))) is not lost
    reader.forget(lost)
    assert (lost.lost, lost.ended) == (True, True)
    assert reader.next(window_of([])) is None, "the other worker has it"


def test_normal_batch_is_released_when_an_alert_arrives(city: Channel) -> None:
    news = published(city)
    clock = Clock()
    reader = new_reader(A, clock)
    record(clock.now, next_batch_chunk(reader))
    published(city, "alert")
    assert next_batch_chunk(reader).urgent
    batch = Batch.objects.get(broadcast__post=news)
    assert (batch.state, batch.claimed_by, batch.claimed_until) == (Batch.State.WAITING, "", None)
    taken = lease(next_batch_chunk(new_reader(B, clock))).batch
    assert taken.urgent is False
    assert taken.pk == batch.pk


def test_chunks_read_before_an_alert_are_recorded_before_release(city: Channel) -> None:
    news = published(city)
    clock = Clock()
    reader = new_reader(A, clock)
    read = next_batch_chunk(reader)
    published(city, "alert")
    assert next_batch_chunk(reader).urgent
    held = Batch.objects.get(broadcast__post=news)
    assert held.state == Batch.State.CLAIMED, "two messages are still on their way"
    record(clock.now, read)
    batch = Batch.objects.get(broadcast__post=news)
    assert (batch.state, batch.claimed_by, batch.cursor) == (Batch.State.WAITING, "", read.end)


def _retry(broadcast: Broadcast, address: Address, clock: Clock) -> PendingMessage:
    return PendingMessage.objects.create(
        broadcast=broadcast, address=address, urgent=broadcast.urgent, not_before=clock.now
    )


@pytest.mark.parametrize(("stopped", "counted"), [(True, (1, 0)), (False, (0, 1))])
def test_dropped_retries_are_counted_in_their_broadcast_alone(
    city: Channel, stopped: bool, counted: tuple[int, int]
) -> None:
    clock = Clock()
    posts = [published(city), published(city)]
    ended, other = (Broadcast.objects.get(post=post) for post in posts)
    rows = [
        _retry(broadcast, Address.objects.earliest("pk"), clock) for broadcast in (ended, other)
    ]
    # Its reader claimed the retry before the withdrawal, which deletes those that wait.
    if stopped:
        Broadcast.objects.filter(pk=ended.pk).update(stopped_at=clock.now)
    PendingLease([rows[0]], ended).drop()
    for broadcast in (ended, other):
        broadcast.refresh_from_db()
    assert (ended.skipped, ended.expired) == counted
    assert (other.skipped, other.expired) == (0, 0)
    assert list(PendingMessage.objects.all()) == [rows[1]]


def test_stopped_retries_are_dropped_and_not_sent(city: Channel) -> None:
    post, clock = published(city), Clock()
    broadcast = Broadcast.objects.get()
    Batch.objects.all().delete()
    row = _retry(broadcast, Address.objects.earliest("pk"), clock)
    Broadcast.objects.filter(post=post).update(stopped_at=clock.now)
    chunk = new_reader(A, clock).next(window_of([]))
    assert chunk is not None
    assert isinstance(chunk.lease, PendingLease)
    assert (chunk.lease.rows, chunk.recipients) == ([], [])
    assert not PendingMessage.objects.filter(pk=row.pk).exists()


def test_retry_due_after_the_broadcasts_end_expires(city: Channel) -> None:
    """Two could not be sent; one of the retries would be too late."""
    published(city)
    clock = Clock()
    Batch.objects.all().delete()
    broadcast = Broadcast.objects.get()
    for address in Address.objects.order_by("pk")[:2]:
        _retry(broadcast, address, clock)
    broadcast.expires_at = clock.now + timedelta(hours=1)
    broadcast.save()
    retries = claim_pending(clock.now, urgent=False)
    assert retries is not None
    rows = retries.rows
    early, late = (replace(RETRY, retry_after=seconds) for seconds in (600.0, 7200.0))
    results = list(zip([recipient_of(row.address) for row in rows], [early, late], strict=True))
    retries.record_results(results, clock.now)
    broadcast.refresh_from_db()
    assert broadcast.expired == 1
    assert [retry.address_id for retry in PendingMessage.objects.all()] == [rows[0].address_id]


def test_message_whose_first_retry_would_come_too_late_expires(city: Channel) -> None:
    published(city)
    clock = Clock()
    broadcast = Broadcast.objects.get()
    broadcast.expires_at = clock.now + timedelta(hours=1)
    broadcast.save()
    reader = new_reader(A, clock)
    early, late = (replace(RETRY, retry_after=seconds) for seconds in (600.0, 7200.0))
    chunk = next_batch_chunk(reader)
    chunk.results = list(zip(chunk.recipients, [early, late], strict=True))
    chunk.lease.record(chunk, clock.now)
    broadcast.refresh_from_db()
    assert broadcast.expired == 1
    assert [retry.address_id for retry in PendingMessage.objects.all()] == [
        chunk.recipients[0].address_id
    ]


@pytest.mark.parametrize(
    ("on_their_way", "kind"),
    [
        ([(True, True, RETRY_CHUNK)] * 2, None),
        ([(True, True, RETRY_CHUNK)], "alert"),
        ([(False, False, WINDOW_ADDRESSES)], "alert"),
        ([(True, False, WINDOW_ADDRESSES - CHUNK_ADDRESSES)], "alert"),
    ],
)
def test_retries_of_alerts_are_read_only_while_their_window_has_room(
    city: Channel, on_their_way: list[tuple[bool, bool, int]], kind: str | None
) -> None:
    published(city, "alert")
    clock = Clock()
    Batch.objects.all().delete()
    _retry(Broadcast.objects.get(), Address.objects.earliest("pk"), clock)
    chunk = new_reader(A, clock).next(window_of(on_their_way))
    broadcast = chunk.lease.broadcast if chunk is not None and chunk.lease.pending else None
    assert (broadcast.revision.kind if broadcast is not None else None) == kind


def test_normal_posts_wait_while_their_window_is_full(city: Channel) -> None:
    published(city)
    reader = new_reader(A, Clock())
    full = [(False, False, WINDOW_ADDRESSES)]
    assert reader.next(window_of(full)) is None
    assert reader.next(window_of([])) is not None


def test_retries_deferred_by_a_fast_clock_are_due_within_a_lease(city: Channel) -> None:
    published(city)
    clock = Clock()
    near, far = clock.now + timedelta(seconds=5), clock.now + timedelta(hours=5)
    addresses = list(Address.objects.order_by("pk")[:2])
    for address, moment in zip(addresses, (near, far), strict=True):
        PendingMessage.objects.create(
            broadcast=Broadcast.objects.get(), address=address, not_before=moment
        )
    Batch.objects.update(state=Batch.State.CLAIMED, claimed_by=A, claimed_until=far)
    clamp_deadlines(clock.now)
    latest = clock.now + BATCH_LEASE
    moments = PendingMessage.objects.order_by("pk").values_list("not_before", flat=True)
    assert list(moments) == [near, latest]
    assert Batch.objects.get().claimed_until == latest
