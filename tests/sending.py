# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small city whose posts are sent within the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from canale.bus.local import LocalBus
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post
from canale.core.settings import settings
from canale.delivery.chunk import Chunk
from canale.delivery.database_source import DatabaseSource
from canale.delivery.leases import BatchLease
from canale.delivery.models import PendingMessage
from canale.delivery.source import ChunkSource
from canale.delivery.transports.base import Outcome, Recipient, Result
from canale.delivery.transports.registry import get_fan_out
from canale.delivery.transports.webpush.message import Message
from canale.delivery.window import window_of
from canale.delivery.worker import Worker
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from tests.waiting import TIMEOUT_SECONDS

ACCEPTED = Result(Outcome.ACCEPTED, 201, "")
GONE = Result(Outcome.GONE, 410, "")
RETRY = Result(Outcome.RETRY, 503, "")


class Clock:
    """Set by the test."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


def city_of(followers: int) -> Channel:
    """A channel whose followers each have one address; no welcomes wait."""
    city = create_channel("cremona", "Comune di Cremona")
    for number in range(followers):
        add_follower(city, number)
    PendingMessage.objects.all().delete()
    return city


def add_follower(city: Channel, number: int, topics: tuple[str, ...] = ()) -> None:
    endpoint = {"endpoint": f"https://push.example/{number}"}
    address = ("push", endpoint)
    follow(city, new_token(), address=address, topics=list(topics), language="it")


def published(city: Channel, kind: str = "news", *, topics: tuple[str, ...] = ()) -> Post:
    draft = save_draft(city, Content(kind, "Il Po sale", "Testo", topics=topics), by="cli")
    return publish(draft, by="cli")


def new_reader(worker: str, clock: Callable[[], datetime]) -> ChunkSource:
    return ChunkSource(worker, DatabaseSource(), clock)


def next_batch_chunk(reader: ChunkSource) -> Chunk:
    chunk = reader.next(window_of([]))
    assert chunk is not None
    assert not chunk.lease.pending
    return chunk


def lease(chunk: Chunk) -> BatchLease:
    """The lease under which the chunk was read."""
    assert isinstance(chunk.lease, BatchLease)
    return chunk.lease


def record(now: datetime, chunk: Chunk, result: Result = ACCEPTED) -> None:
    """Record the chunk as if every message had been sent."""
    chunk.results = [(recipient, result) for recipient in chunk.recipients]
    chunk.lease.record(chunk, now)


class FarEnd:
    """A transport whose messages are answered when the test says so."""

    name = "webpush"

    def __init__(self) -> None:
        self.begun: list[str] = []
        """Endpoints, in the order in which sending to them began."""
        self.answer: Callable[[str], Result] = lambda endpoint: ACCEPTED
        self.answers = asyncio.Event()
        """When those are answered that it holds back."""
        self.holds: Callable[[str], bool] = lambda endpoint: True

    def check_address(self, address: Mapping[str, object]) -> None:
        """Every address can be used."""

    def origin(self, address: Mapping[str, object]) -> str:
        return "https://push.example"

    def service(self, origin: str) -> str:
        return "other"

    async def send(self, message: Message, recipient: Recipient) -> Result:
        endpoint = str((recipient.opened or {})["endpoint"])
        self.begun.append(endpoint)
        if self.holds(endpoint):
            await self.answers.wait()
        return self.answer(endpoint)

    async def close(self) -> None:
        """There is no connection."""


@asynccontextmanager
async def delivering(monkeypatch: pytest.MonkeyPatch, far_end: FarEnd) -> AsyncIterator[Worker]:
    """A worker that delivers whatever is planned.

    One message is under way until it is answered, however slow the machine.
    """
    entry = replace(get_fan_out("webpush"), open=lambda: far_end, concurrency=1)
    monkeypatch.setattr("canale.delivery.worker.get_fan_out", lambda name: entry)
    for constant in ("worker.TICK_SECONDS", "limiter.LATE_SECONDS", "limiter.SILENCE_SECONDS"):
        monkeypatch.setattr(f"canale.delivery.{constant}", TIMEOUT_SECONDS)
    worker = Worker(DatabaseSource())
    running = asyncio.create_task(worker.run(LocalBus(settings.data)))
    try:
        yield worker
        far_end.answers.set()
        worker.stop()
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.database.run(lambda: connection.close())
