# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches through JetStream, and what happens when it, or a worker, is gone in the middle."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import nats
import pytest
from nats.js.api import ConsumerInfo, StreamInfo

from canale.bus.nats import installation
from canale.delivery.chunk import WINDOW_ADDRESSES
from canale.delivery.engines.stream import BatchStream, consumer
from tests.nats_server import NatsServer, needs_nats
from tests.site import Site, new_site, wait_until
from tests.standins.push_service import PushService

FOLLOWERS = 4_000
KEY = "a key for the tests of the stream of batches"

pytestmark = [pytest.mark.slow, needs_nats]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    store = tmp_path / "jetstream"
    with NatsServer(tmp_path, f'jetstream {{ store_dir: "{store}" }}') as server:
        yield server


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def city(tmp_path: Path, broker: NatsServer, push: PushService) -> Iterator[Site]:
    environment = {
        "CANALE_NATS_URL": broker.url,
        "CANALE_SECRET_KEY": KEY,
        "CANALE_PUSH_ORIGINS": push.origin,
        "CANALE_WORKERS": "2",
    }
    with new_site(tmp_path, **environment) as site:
        site.inside("follow", push.subscribe(FOLLOWERS))
        yield site


def seen_at(broker: NatsServer) -> tuple[StreamInfo, ConsumerInfo]:
    """The stream, and the consumer of ordinary posts."""

    async def ask() -> tuple[StreamInfo, ConsumerInfo]:
        client = await nats.connect(broker.url)
        try:
            name = BatchStream(installation(KEY)).name
            stream = await client.jetstream().stream_info(name)
            usual = consumer("webpush", urgent=False)
            return stream, await client.jetstream().consumer_info(name, usual)
        finally:
            await client.close()

    return asyncio.run(ask())


def publish(city: Site) -> int:
    return int(str(city.post(city.token(), headline="Piena")["id"]))


def midway(push: PushService) -> None:
    wait_until(lambda: len(push.received) > FOLLOWERS // 6, seconds=60)
    assert len(push.received) < FOLLOWERS


def all_are_told(city: Site, push: PushService, number: int, *, killed: int = 0) -> None:
    def told() -> Counter[str]:
        return Counter(message.endpoint for message in list(push.received))

    wait_until(lambda: len(told()) == FOLLOWERS, seconds=120)
    wait_until(lambda: city.inside("counts", number)[0]["finished"], seconds=60)
    assert sum(told().values()) - FOLLOWERS <= killed * WINDOW_ADDRESSES
    row = city.inside("counts", number)[0]
    assert (row["accepted"], row["retrying"], row["rejected"]) == (FOLLOWERS, 0, 0)
    assert not push.refused


def test_each_batch_goes_through_the_stream_once(
    city: Site, push: PushService, broker: NatsServer
) -> None:
    number = publish(city)
    all_are_told(city, push, number)
    stream, usual = seen_at(broker)
    assert stream.state.messages == 0
    assert usual.delivered is not None
    assert usual.delivered.consumer_seq == FOLLOWERS // 2_000
    assert usual.num_redelivered == 0


def test_a_killed_workers_batch_goes_to_another(city: Site, push: PushService) -> None:
    number = publish(city)
    midway(push)
    os.kill(city.workers()[0], signal.SIGKILL)
    all_are_told(city, push, number, killed=1)


def stopped_for_good(broker: NatsServer) -> None:
    broker.stop()


def stopped_and_back(broker: NatsServer) -> None:
    broker.stop()
    broker.start()


def back_with_nothing(broker: NatsServer) -> None:
    broker.stop()
    shutil.rmtree(broker.folder / "jetstream")
    broker.start()


@pytest.mark.parametrize("fault", [stopped_for_good, stopped_and_back, back_with_nothing])
def test_all_are_told_though_the_broker_goes(
    city: Site, push: PushService, broker: NatsServer, fault: Callable[[NatsServer], None]
) -> None:
    number = publish(city)
    midway(push)
    fault(broker)
    all_are_told(city, push, number)


def test_batches_planned_while_the_broker_is_away_are_handed_out_when_it_is_back(
    city: Site, push: PushService, broker: NatsServer
) -> None:
    for worker in city.workers():
        os.kill(worker, signal.SIGSTOP)
    broker.stop()
    number = publish(city)
    broker.start()
    wait_until(lambda: seen_at(broker)[0].state.messages == FOLLOWERS // 2_000, seconds=30)
    for worker in city.workers():
        os.kill(worker, signal.SIGCONT)
    all_are_told(city, push, number)
