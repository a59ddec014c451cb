# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which batches are handed out through a real nats-server, when, and how many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from django.db import OperationalError
from django.utils import timezone
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.cli import main
from canale.delivery.models import Batch
from canale.delivery.transports.registry import FAN_OUTS
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.nats import dispatcher as dispatch
from canale.nats.dispatcher import Dispatcher
from canale.nats.jetstream import JetStreamSource
from canale.nats.stream import BatchStream, consumer_name
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from tests.nats_server import NatsServer, needs_nats, run
from tests.waiting import TIMEOUT_SECONDS, until

pytestmark = [needs_nats, pytest.mark.django_db(transaction=True)]

CITY = "city"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path, f'jetstream {{ store_dir: "{tmp_path}/jetstream" }}') as server:
        yield server


@pytest.fixture
def channel(transactional_db: None) -> Channel:
    made = create_channel("cremona", "Comune di Cremona")
    endpoint = {"endpoint": "https://push.example/1"}
    follow(made, new_token(), address=("push", endpoint), topics=[], language="it")
    return made


@pytest.fixture
def unswept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sweeps, batches are published on notification only."""
    monkeypatch.setattr("canale.nats.dispatcher.SWEEP_SECONDS", 3600.0)


@pytest.fixture
def often_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canale.nats.dispatcher.SWEEP_SECONDS", 0.1)


def planned(channel: Channel) -> Batch:
    """The one batch of one more post."""
    publish(save_draft(channel, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    return Batch.objects.latest("pk")


@asynccontextmanager
async def dispatching(broker: NatsServer) -> AsyncIterator[tuple[Dispatcher, JetStreamContext]]:
    dispatcher = Dispatcher((broker.url,), CITY)
    running = asyncio.create_task(dispatcher.run())
    client = await nats.connect(broker.url)
    try:
        yield dispatcher, client.jetstream()
    finally:
        running.cancel()
        await client.close()


class Worker:
    """One that takes batches and keeps them."""

    def __init__(self, broker: NatsServer, name: str) -> None:
        self._name = name
        self.batches = JetStreamSource((broker.url,), CITY)
        self.taken: list[Batch] = []

    def take(self) -> Batch | None:
        batch = self.batches.take(self._name, timezone.now(), urgent=False)
        self.taken.extend([batch] if batch is not None else [])
        return batch

    async def next(self) -> Batch:
        await until(self.take)
        return self.taken[-1]


@asynccontextmanager
async def working(broker: NatsServer, name: str) -> AsyncIterator[Worker]:
    worker = Worker(broker, name)
    running = asyncio.create_task(worker.batches.run(lambda: None))
    try:
        yield worker
    finally:
        await worker.batches.close()
        running.cancel()


async def until_there_are(context: JetStreamContext, batches: int) -> None:
    """Wait until the stream holds this many."""

    async def there() -> int:
        with_stream = await context.streams_info()
        return sum(each.state.messages for each in with_stream)

    await until_async(lambda: _is(there, batches))


async def _is(count: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await count() == wanted


async def until_async(
    true: Callable[[], Awaitable[bool]], seconds: float = TIMEOUT_SECONDS
) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.01)


def test_batch_committed_after_later_ones_is_published_immediately(
    broker: NatsServer, channel: Channel, unswept: None
) -> None:
    early, _ = planned(channel), planned(channel)
    # Its transaction, which took its number first, is not committed yet.
    Batch.objects.filter(pk=early.pk).delete()

    async def flow() -> None:
        async with dispatching(broker) as (dispatcher, context):
            await until_there_are(context, 1)
            early.save(force_insert=True)
            dispatcher.hint()
            await until_there_are(context, 2)

    run(flow)


def test_finished_batches_are_forgotten(
    broker: NatsServer, channel: Channel, often_swept: None
) -> None:
    batch = planned(channel)

    async def flow() -> None:
        async with dispatching(broker) as (dispatcher, _):
            await until(lambda: dispatcher.published == {batch.pk})
            Batch.objects.update(state=Batch.State.DONE)
            await until(lambda: not dispatcher.published)

    run(flow)


def test_notification_is_handled_again_after_a_database_failure(
    broker: NatsServer, channel: Channel, unswept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 2

    def fail() -> set[int]:
        nonlocal failures
        failures -= 1
        if failures == 0:
            monkeypatch.setattr(dispatch, "unfinished_ids", read)
        raise OperationalError("the database is away")

    planned(channel)
    read = dispatch.unfinished_ids

    async def flow() -> None:
        async with dispatching(broker) as (dispatcher, context):
            await until_there_are(context, 1)
            planned(channel)
            monkeypatch.setattr(dispatch, "unfinished_ids", fail)
            dispatcher.hint()
            await until_there_are(context, 2)

    run(flow)


def test_sweep_publishes_batches_missing_behind_finished_ones(
    broker: NatsServer, channel: Channel, often_swept: None
) -> None:
    planned(channel)

    async def flow() -> None:
        async with dispatching(broker) as (_, context):
            await until_there_are(context, 1)
            # Finished, while the stream never learns of it; the next one's hint is lost.
            Batch.objects.update(state=Batch.State.DONE)
            planned(channel)
            await until_there_are(context, 2)

    run(flow)


def test_finished_batches_are_removed_from_the_stream(
    broker: NatsServer, channel: Channel, often_swept: None
) -> None:
    planned(channel)

    async def flow() -> None:
        async with dispatching(broker) as (_, context):
            await until_there_are(context, 1)
            # A server that was killed has lost the acknowledgement.
            Batch.objects.update(state=Batch.State.DONE)
            await until_there_are(context, 0)

    run(flow)


def test_batches_planned_during_a_purge_stay_in_the_stream(
    broker: NatsServer, channel: Channel, often_swept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(channel)
    read, stream = dispatch.unfinished_ids, BatchStream(CITY)

    async def flow() -> None:
        loop = asyncio.get_running_loop()
        async with dispatching(broker) as (_, context):
            await until_there_are(context, 1)

            def and_then_one_is_planned() -> set[int]:
                """By another node, which hands it out at once."""
                found = read()
                if not found:
                    monkeypatch.setattr(dispatch, "unfinished_ids", lambda: found)
                    subject = stream.subject(planned(channel).pk, "webpush", urgent=False)
                    asyncio.run_coroutine_threadsafe(stream.publish(context, subject), loop).result(
                        TIMEOUT_SECONDS
                    )
                return found

            monkeypatch.setattr(dispatch, "unfinished_ids", and_then_one_is_planned)
            purged = purges(monkeypatch)
            Batch.objects.update(state=Batch.State.DONE)
            await until(lambda: purged)
            monkeypatch.setattr(dispatch, "unfinished_ids", read)
            assert (await context.stream_info(stream.name)).state.messages == 1

    run(flow)


def purges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequence numbers of those that have been done; there is a first and no second."""
    done: list[int] = []
    purge_through = BatchStream.purge_through

    async def once(stream: BatchStream, context: JetStreamContext, last: int) -> None:
        if not done:
            await purge_through(stream, context, last)
            done.append(last)

    monkeypatch.setattr(BatchStream, "purge_through", once)
    return done


def test_resumed_batches_are_published_immediately(
    broker: NatsServer, channel: Channel, unswept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, later = planned(channel), planned(channel)

    async def flow() -> None:
        async with AsyncExitStack() as stack:
            dispatcher, context = await stack.enter_async_context(dispatching(broker))
            monkeypatch.setattr("canale.delivery.plan.process_bus", lambda: Hints(dispatcher))
            worker = await stack.enter_async_context(working(broker, "a:1:1"))
            assert await worker.next() == failing
            Batch.objects.filter(pk=failing.pk).update(state=Batch.State.FAILED, claimed_by="")
            # The worker that is offered it next does this.
            worker.batches.finished(failing.pk)
            assert await worker.next() == later
            # Each follower and post notifies like this, and the sweep needs no notification.
            dispatcher.hint()
            await until(lambda: dispatcher.published == {later.pk})
            await until_there_are(context, 1)
            assert main(["resume"]) == 0
            assert await worker.next() == failing

    run(flow)


def limited(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Each transport to so many."""
    entries = tuple(replace(entry, batches_at_once=batches) for entry in FAN_OUTS)
    monkeypatch.setattr("canale.nats.stream.FAN_OUTS", entries)


async def usual(context: JetStreamContext) -> ConsumerInfo:
    """Those of ordinary posts."""
    return await context.consumer_info(
        BatchStream(CITY).name, consumer_name("webpush", urgent=False)
    )


def test_workers_together_respect_the_transport_limit(
    broker: NatsServer, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 2)
    first, second, third = (planned(channel) for _ in range(3))

    async def flow() -> None:
        async with AsyncExitStack() as stack:
            _, context = await stack.enter_async_context(dispatching(broker))
            one = await stack.enter_async_context(working(broker, "a:1:1"))
            two = await stack.enter_async_context(working(broker, "a:2:2"))
            await until_there_are(context, 3)
            assert {await one.next(), await two.next()} == {first, second}

            async def asks_in_vain() -> bool:
                assert one.take() is None
                seen = await usual(context)
                # One batch waits, and a request for one, which the server does not answer.
                return (seen.num_pending, seen.num_ack_pending, seen.num_waiting) == (1, 2, 1)

            await until_async(asks_in_vain)
            finished = two.taken[0]
            Batch.objects.filter(pk=finished.pk).update(state=Batch.State.DONE)
            two.batches.finished(finished.pk)
            assert await one.next() == third

    run(flow)


def test_changed_limit_applies_from_the_next_start(
    broker: NatsServer, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 1)
    for _ in range(3):
        planned(channel)

    async def flow() -> None:
        async with AsyncExitStack() as stack:
            _, context = await stack.enter_async_context(dispatching(broker))
            one = await stack.enter_async_context(working(broker, "a:1:1"))
            await one.next()
            assert (await usual(context)).config.max_ack_pending == 1
            # The default: push services have no common limit.
            monkeypatch.setattr("canale.nats.stream.FAN_OUTS", FAN_OUTS)
            two = await stack.enter_async_context(working(broker, "a:2:2"))
            await two.next()
            await two.next()
            assert (await usual(context)).config.max_ack_pending == -1

    run(flow)


class Hints:
    """The bus, as far as hints to workers go."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def publish(self, subject: str, data: bytes = b"") -> None:
        self._dispatcher.hint()
