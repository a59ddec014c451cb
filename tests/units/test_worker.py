# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A worker stops, survives and records messages in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from canale.bus import process_bus
from canale.channel.models import Channel, Topic
from canale.core.settings import settings
from canale.delivery import worker as worker_module
from canale.delivery.chunk import Chunk
from canale.delivery.leases import BatchLease, LeaseLostError, unfinished
from canale.delivery.models import Batch, Broadcast, PendingMessage
from canale.delivery.plan import SUBJECT
from canale.delivery.progress import progress
from canale.delivery.source import ChunkSource
from canale.delivery.window import Window
from canale.delivery.worker import Worker
from canale.delivery.worker_slot import WorkerSlot
from canale.followers.models import Address, Follower
from canale.publishing.withdraw import withdraw
from tests.sending import (
    ACCEPTED,
    Clock,
    FarEnd,
    add_follower,
    city_of,
    delivering,
    new_reader,
    next_batch_chunk,
    published,
    record,
)
from tests.waiting import TIMEOUT_SECONDS, until

pytestmark = pytest.mark.django_db(transaction=True)
FOLLOWERS = 6


@pytest.fixture
def city() -> Channel:
    return city_of(FOLLOWERS)


async def all_recorded(worker: Worker) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await worker.database.run(lambda: unfinished().exists()):
            await asyncio.sleep(0.002)


Flow = Callable[[Worker, FarEnd], Awaitable[None]]


def deliver_during(monkeypatch: pytest.MonkeyPatch, flow: Flow) -> FarEnd:
    """Run a flow beside a worker; then let it finish."""

    async def whole() -> FarEnd:
        far_end = FarEnd()
        async with delivering(monkeypatch, far_end) as worker:
            await flow(worker, far_end)
        return far_end

    return asyncio.run(whole())


def test_sending_stops_when_a_post_is_withdrawn(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await until(lambda: len(far_end.begun) == 1)
        await worker.database.run(lambda: withdraw(post, reason="Errore", by="cli"))
        process_bus().publish(SUBJECT)
        # The queued ones are dropped, and only then the one in flight is answered.
        await until(lambda: len(worker._chunks[0].open) == 1)
        far_end.answers.set()
        await all_recorded(worker)

    far_end = deliver_during(monkeypatch, flow)
    assert len(far_end.begun) == 1 + FOLLOWERS, "one, and the withdrawal"
    first = Broadcast.objects.earliest("pk")
    assert (first.accepted, first.skipped) == (1, FOLLOWERS - 1)
    assert first.batches.get().state == Batch.State.DONE


def test_notification_alone_stops_no_broadcast(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdrawn, kept = published(city), published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await until(lambda: len(far_end.begun) == 1 and len(worker._chunks) == 2)
        await worker.database.run(lambda: withdraw(withdrawn, reason="Errore", by="cli"))
        process_bus().publish(SUBJECT)
        await until(lambda: len(worker._chunks[0].open) == 1)
        far_end.answers.set()
        await all_recorded(worker)

    far_end = deliver_during(monkeypatch, flow)
    assert len(far_end.begun) == 1 + 2 * FOLLOWERS
    assert Broadcast.objects.get(post=kept).accepted == FOLLOWERS


def test_withdrawal_while_a_chunk_is_read_stops_that_chunk(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hint came before there was anything to stop."""
    post = published(city)
    read, stopped_posts = ChunkSource.next, []

    def stopped_while_read(self: ChunkSource, window: Window) -> Chunk | None:
        chunk = read(self, window)
        if not stopped_posts:
            stopped_posts.append(withdraw(post, reason="Errore", by="cli"))
        return chunk

    monkeypatch.setattr(ChunkSource, "next", stopped_while_read)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await until(lambda: stopped_posts and worker._chunks)
        await until(lambda: len(worker._chunks[0].open) <= 1)
        far_end.answers.set()
        await all_recorded(worker)

    far_end = deliver_during(monkeypatch, flow)
    assert len(far_end.begun) <= 1 + FOLLOWERS
    assert Broadcast.objects.earliest("pk").skipped >= FOLLOWERS - 1


def test_message_that_raises_does_not_block_others(
    city: Channel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        def answer(endpoint: str) -> object:
            if endpoint.endswith("/0"):
                raise RuntimeError("nobody foresaw this")
            return ACCEPTED

        far_end.answer = answer  # type: ignore[assignment]
        far_end.answers.set()
        await all_recorded(worker)

    deliver_during(monkeypatch, flow)
    broadcast = Broadcast.objects.get()
    assert (broadcast.accepted, broadcast.rejected) == (FOLLOWERS - 1, 1)
    assert Address.objects.count() == FOLLOWERS, "it is our error, not the address's"
    assert sum("nobody foresaw this" in str(record.exc_info) for record in caplog.records) == 1


def test_address_sealed_with_another_key_is_counted_and_kept(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Address.objects.earliest("pk")
    Address.objects.filter(pk=broken.pk).update(sealed=b"x" * 60)
    published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        far_end.answers.set()
        await all_recorded(worker)

    far_end = deliver_during(monkeypatch, flow)
    assert len(far_end.begun) == FOLLOWERS - 1
    broadcast = Broadcast.objects.get()
    assert (broadcast.accepted, broadcast.rejected) == (FOLLOWERS - 1, 1)
    assert Address.objects.filter(pk=broken.pk).exists()
    assert not PendingMessage.objects.exists()


def test_results_are_recorded_when_the_database_returns(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(city)
    monkeypatch.setattr(worker_module, "DATABASE_PAUSE_SECONDS", 0.01)
    failures, whole = [3], BatchLease.record

    def failing(lease: BatchLease, chunk: Chunk, now: datetime) -> None:
        if failures[0]:
            failures[0] -= 1
            raise OperationalError("the database is away")
        whole(lease, chunk, now)

    monkeypatch.setattr(BatchLease, "record", failing)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        far_end.answers.set()
        await all_recorded(worker)

    far_end = deliver_during(monkeypatch, flow)
    assert failures == [0]
    assert len(far_end.begun) == FOLLOWERS, "nothing is sent a second time"
    assert Broadcast.objects.get().accepted == FOLLOWERS


def test_worker_stops_sending_a_batch_that_it_lost(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("canale.delivery.leases.CHUNK_ADDRESSES", 3)
    published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        far_end.holds = lambda endpoint: endpoint[-1] in "0345"
        await until(lambda: len(far_end.begun) == 1 and len(worker._chunks) == 2)
        rows = Batch.objects.all()
        await worker.database.run(lambda: rows.update(claimed_by="b:1:1"))
        far_end.holds = lambda endpoint: endpoint[-1] in "345"
        far_end.answers.set()
        far_end.answers = asyncio.Event()
        # The first chunk is complete and cannot be recorded; of the second one has begun.
        await until(lambda: [len(each.open) for each in worker._chunks] == [1])
        far_end.answers.set()
        await until(lambda: not worker._chunks)

    assert len(deliver_during(monkeypatch, flow).begun) == 4
    broadcast, batch = Broadcast.objects.get(), Batch.objects.get()
    assert (broadcast.accepted, batch.claimed_by) == (0, "b:1:1")
    assert batch.cursor == batch.first_address - 1


def test_sending_stops_when_a_post_expires(city: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await until(lambda: len(far_end.begun) == 1)
        broadcast = worker._chunks[0].lease.broadcast
        assert broadcast is not None
        broadcast.expires_at -= timedelta(days=3)
        process_bus().publish(SUBJECT)
        await until(lambda: len(worker._chunks[0].open) == 1)
        far_end.answers.set()
        await all_recorded(worker)

    assert len(deliver_during(monkeypatch, flow).begun) == 1


@pytest.mark.parametrize("answered_before", [True, False])
def test_late_answer_takes_the_place_of_its_retry(
    city: Channel, monkeypatch: pytest.MonkeyPatch, answered_before: bool
) -> None:
    published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await until(lambda: far_end.begun)
        chunk = worker._chunks[0]
        # The service is slow: one message is in flight, the others wait for their turn.
        chunk.detach(everything=True)
        if not answered_before:
            await until(chunk.recorded.is_set)
            assert await worker.database.run(PendingMessage.objects.count) == FOLLOWERS
        far_end.answers.set()
        await until(lambda: not worker._deliveries)

    deliver_during(monkeypatch, flow)
    assert PendingMessage.objects.count() == FOLLOWERS - 1
    assert Broadcast.objects.get().accepted == 1


def test_batch_of_a_topic_without_followers_finishes_immediately(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("sport", "scuola"):
        Topic.objects.create(channel=city, slug=slug, name=slug)
    Follower.objects.all().delete()
    add_follower(city, 100, ("scuola",))
    PendingMessage.objects.all().delete()
    post = published(city, topics=("sport",))

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await all_recorded(worker)

    assert deliver_during(monkeypatch, flow).begun == []
    row = progress(post)[0]
    assert (row.finished, row.accepted, row.waiting) == (True, 0, 0)
    broadcast = Broadcast.objects.get()
    assert broadcast.skipped == broadcast.planned == 1


def test_worker_releases_what_its_name_still_holds(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(city)
    slot = WorkerSlot(settings.data)
    slot.close()
    far = timezone.now() + timedelta(hours=1)
    Batch.objects.update(state=Batch.State.CLAIMED, claimed_by=slot.name, claimed_until=far)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        assert worker.name == slot.name
        far_end.answers.set()
        await all_recorded(worker)

    deliver_during(monkeypatch, flow)
    assert Broadcast.objects.get().accepted == FOLLOWERS
    following = WorkerSlot(settings.data)
    assert following.name == slot.name, "a worker that stops leaves its slot"
    following.close()


def test_chunks_are_recorded_in_reading_order(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch's cursor would pass the messages that are still on their way."""
    monkeypatch.setattr("canale.delivery.leases.CHUNK_ADDRESSES", 3)
    published(city)

    async def flow(worker: Worker, far_end: FarEnd) -> None:
        await until(lambda: len(worker._chunks) == 2)
        first, second = worker._chunks
        # One of the first is under way; the second has nothing to wait for.
        second.cancel_unsent()
        await until(lambda: second.complete.is_set() and far_end.begun)
        await worker.database.run(lambda: None)
        assert not second.recorded.is_set()
        batch = await worker.database.run(Batch.objects.get)
        assert batch.cursor == batch.first_address - 1
        far_end.answers.set()
        await until(second.recorded.is_set)
        assert first.recorded.is_set()

    deliver_during(monkeypatch, flow)
    broadcast = Broadcast.objects.get()
    assert (broadcast.accepted, broadcast.skipped) == (3, 3)
    assert Batch.objects.get().state == Batch.State.DONE


def test_chunk_whose_predecessor_was_not_recorded_is_refused(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("canale.delivery.leases.CHUNK_ADDRESSES", 3)
    published(city)
    clock = Clock()
    source = new_reader("a:1:1", clock)
    next_batch_chunk(source)
    second = next_batch_chunk(source)
    with pytest.raises(LeaseLostError):
        record(clock.now, second)
    assert Batch.objects.get().state == Batch.State.CLAIMED
