# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches through JetStream, and what happens when it is gone in the middle."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import nats
import pytest
from nats.js.api import ConsumerInfo, StreamInfo

from canale.delivery.plan import SUBJECT
from canale.nats.connection import installation
from canale.nats.dispatcher import SWEEP_SECONDS
from canale.nats.stream import BatchStream, consumer_name
from tests.faults.amid import Fault
from tests.faults.broadcast import (
    BATCH_ADDRESSES,
    FEWER,
    KEY,
    SOAK,
    WORKERS,
    City,
    new_city,
)
from tests.nats_server import needs_nats, tell_from_a_process
from tests.waiting import wait_until

BATCHES = FEWER // BATCH_ADDRESSES
# NATS is away this long; after three seconds workers take batches from the table.
AWAY_SECONDS = 20.0 if SOAK else 5.0

pytestmark = needs_nats


@pytest.fixture(scope="module")
def one_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("jetstream")
    with new_city(folder, "jetstream", followers=FEWER) as made:
        yield made


@pytest.fixture
def city(one_city: City) -> Iterator[City]:
    """Well again after each test; they publish under headlines of their own."""
    yield one_city
    assert one_city.broker is not None
    one_city.start_what_is_down()
    one_city.broker.thaw()


def seen_at(city: City) -> tuple[StreamInfo, ConsumerInfo]:
    """The stream, and the consumer of ordinary posts."""

    async def ask(url: str) -> tuple[StreamInfo, ConsumerInfo]:
        client = await nats.connect(url)
        try:
            name = BatchStream(installation(KEY)).name
            stream = await client.jetstream().stream_info(name)
            usual = consumer_name("webpush", urgent=False)
            return stream, await client.jetstream().consumer_info(name, usual)
        finally:
            await client.close()

    assert city.broker is not None
    return asyncio.run(ask(city.broker.url))


def is_empty(city: City) -> bool:
    """Each batch was acknowledged, and each worker asks for more."""
    stream, usual = seen_at(city)
    return (stream.state.messages, usual.num_waiting) == (0, WORKERS)


@contextmanager
def stopped_workers(city: City) -> Iterator[None]:
    """They hold no batch. The post of the test before may be done while the acknowledgement of its
    last batch is on its way: a worker that is stopped then leaves that batch in the stream."""
    wait_until(lambda: is_empty(city), seconds=120)
    workers = city.site.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def goes_through_the_stream(city: City, headline: str) -> None:
    """Each batch of one more post, once; that is, server, workers and stream are well."""

    # A request for a batch ends after twenty seconds, also one of a worker that is gone; what was
    # handed out and not acknowledged comes again after thirty.
    wait_until(lambda: is_empty(city), seconds=120)
    _, earlier = seen_at(city)
    before = earlier.delivered.consumer_seq if earlier.delivered is not None else 0
    city.publish_in_batches(headline).all_are_told()
    wait_until(lambda: seen_at(city)[0].state.messages == 0)
    _, usual = seen_at(city)
    assert usual.delivered is not None
    assert usual.delivered.consumer_seq - before == BATCHES
    # A broker that was killed may count one for ever whose acknowledgement it lost.
    assert usual.num_redelivered == earlier.num_redelivered


@pytest.mark.long
def test_every_batch_passes_through_the_stream_once(city: City) -> None:
    goes_through_the_stream(city, "Piena del Po")


def test_broadcast_survives_a_broker_outage(city: City) -> None:
    assert city.broker is not None
    began = time.monotonic()
    first = city.publish_in_batches("Prima", fault=Fault(city.broker.quit))
    # From the table.
    first.all_are_told()
    time.sleep(max(0.0, began + AWAY_SECONDS - time.monotonic()))
    second = city.publish_in_batches("Mentre torna", fault=Fault(city.broker.start))
    second.all_are_told()
    goes_through_the_stream(city, "Dopo l'assenza")


@pytest.mark.long
def test_broadcast_survives_a_frozen_broker(city: City) -> None:
    """A frozen broker behaves like a network that drops packets."""
    assert city.broker is not None
    broadcast = city.publish_in_batches("Gelo", fault=Fault(city.broker.freeze))
    broadcast.all_are_told()
    city.broker.thaw()
    goes_through_the_stream(city, "Dopo il gelo")


@pytest.mark.long
def test_broadcast_survives_a_killed_broker(city: City) -> None:
    assert city.broker is not None
    broadcast = city.publish_in_batches("Caduta", fault=Fault(city.broker.stop))
    city.broker.start()
    broadcast.all_are_told()
    goes_through_the_stream(city, "Dopo la caduta")


@pytest.mark.long
def test_broadcast_survives_a_broker_that_lost_its_streams(city: City) -> None:
    """Stream and consumers are created again, and the rest of the broadcast goes through them."""
    assert city.broker is not None
    broker = city.broker

    def fault() -> None:
        broker.stop()
        shutil.rmtree(broker.folder / "jetstream")
        broker.start()

    broadcast = city.publish_in_batches("Vuoto", fault=Fault(fault))
    broadcast.all_are_told()
    _, usual = seen_at(city)
    assert usual.delivered is not None
    assert usual.delivered.consumer_seq > 0
    goes_through_the_stream(city, "Dopo il vuoto")


@pytest.mark.long
def test_batches_planned_during_an_outage_are_published_afterwards(
    city: City,
) -> None:
    assert city.broker is not None
    with stopped_workers(city):
        city.broker.stop()
        broadcast = city.publish_in_batches("Pronti")
        city.broker.start()
        wait_until(lambda: seen_at(city)[0].state.messages == BATCHES, seconds=30)
    broadcast.all_are_told()


@pytest.mark.long
def test_lost_batches_are_published_again_while_followers_arrive(city: City) -> None:
    assert city.broker is not None
    url = city.broker.url

    def handed_out_again() -> bool:
        # Each new follower sends this notification.
        assert tell_from_a_process(url, installation(KEY), SUBJECT) == ""
        return seen_at(city)[0].state.messages == BATCHES

    with stopped_workers(city):
        broadcast = city.publish_in_batches("Persi")
        wait_until(lambda: seen_at(city)[0].state.messages == BATCHES)
        asyncio.run(emptied(url))
        wait_until(handed_out_again, seconds=3 * SWEEP_SECONDS)
    broadcast.all_are_told()


async def emptied(url: str) -> None:
    client = await nats.connect(url)
    try:
        await client.jetstream().purge_stream(BatchStream(installation(KEY)).name)
    finally:
        await client.close()
