# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches through JetStream, and what happens when it is gone in the middle."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import nats
import pytest
from nats.js.api import ConsumerInfo, StreamInfo

from canale.bus.nats_line import installation
from canale.delivery.engines.dispatch import SWEEP_SECONDS
from canale.delivery.engines.stream import BatchStream, consumer
from canale.delivery.hints import SUBJECT
from canale.delivery.plan import BATCH_ADDRESSES
from tests.faults.broadcast import KEY, City, new_city
from tests.nats_server import NatsServer, needs_nats, tell_from_a_process
from tests.site import wait_until

FOLLOWERS = 2 * BATCH_ADDRESSES

pytestmark = [pytest.mark.slow, needs_nats]


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    with new_city(tmp_path, "jetstream", followers=FOLLOWERS) as made:
        yield made


def seen_at(city: City) -> tuple[StreamInfo, ConsumerInfo]:
    """The stream, and the consumer of ordinary posts."""

    async def ask(url: str) -> tuple[StreamInfo, ConsumerInfo]:
        client = await nats.connect(url)
        try:
            name = BatchStream(installation(KEY)).name
            stream = await client.jetstream().stream_info(name)
            usual = consumer("webpush", urgent=False)
            return stream, await client.jetstream().consumer_info(name, usual)
        finally:
            await client.close()

    assert city.broker is not None
    return asyncio.run(ask(city.broker.url))


def test_each_batch_goes_through_the_stream_once(city: City) -> None:
    city.publish().all_are_told()
    wait_until(lambda: seen_at(city)[0].state.messages == 0)
    _, usual = seen_at(city)
    assert usual.delivered is not None
    assert usual.delivered.consumer_seq == FOLLOWERS // BATCH_ADDRESSES
    assert usual.num_redelivered == 0


def stopped_for_good(broker: NatsServer) -> None:
    broker.stop()


def frozen(broker: NatsServer) -> None:
    """As behind a network that swallows packets."""
    broker.freeze()


def back_with_nothing(broker: NatsServer) -> None:
    broker.stop()
    shutil.rmtree(broker.folder / "jetstream")
    broker.start()


@pytest.mark.parametrize("fault", [stopped_for_good, frozen, back_with_nothing])
def test_the_broker_is(city: City, fault: Callable[[NatsServer], None]) -> None:
    assert city.broker is not None
    broadcast = city.publish()
    broadcast.midway()
    fault(city.broker)
    broadcast.all_are_told()


def test_batches_planned_while_the_broker_is_away_are_handed_out_when_it_is_back(
    city: City,
) -> None:
    assert city.broker is not None
    for worker in city.site.workers():
        os.kill(worker, signal.SIGSTOP)
    city.broker.stop()
    broadcast = city.publish()
    city.broker.start()
    batches = FOLLOWERS // BATCH_ADDRESSES
    wait_until(lambda: seen_at(city)[0].state.messages == batches, seconds=30)
    for worker in city.site.workers():
        os.kill(worker, signal.SIGCONT)
    broadcast.all_are_told()


def test_what_the_broker_lost_comes_back_while_followers_keep_coming(city: City) -> None:
    assert city.broker is not None
    for worker in city.site.workers():
        os.kill(worker, signal.SIGSTOP)
    broadcast = city.publish()
    batches = FOLLOWERS // BATCH_ADDRESSES
    wait_until(lambda: seen_at(city)[0].state.messages == batches)
    asyncio.run(emptied(city.broker.url))
    url = city.broker.url

    def handed_out_again() -> bool:
        # As each new follower does.
        assert tell_from_a_process(url, installation(KEY), SUBJECT) == ""
        return seen_at(city)[0].state.messages == batches

    wait_until(handed_out_again, seconds=3 * SWEEP_SECONDS)
    for worker in city.site.workers():
        os.kill(worker, signal.SIGCONT)
    broadcast.all_are_told()


async def emptied(url: str) -> None:
    client = await nats.connect(url)
    try:
        await client.jetstream().purge_stream(BatchStream(installation(KEY)).name)
    finally:
        await client.close()
