# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The JetStream stream of batches, and its consumers: one for each priority and transport.

A batch is a message without content on a subject of its own, of which the stream keeps one at a
time: publishing the same batch again, from any node, changes nothing while it is there
(https://docs.nats.io/nats-concepts/jetstream/streams, ``DiscardNewPerSubject``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from canale.delivery.transports.registry import FAN_OUTS, FanOutSpec
from canale.delivery.window import Priority
from canale.nats.connection import NatsConnection, Opened

# A worker that does not report for this long has lost its batch; it reports every third of it.
ACK_SECONDS = 12.0
# The error code for a batch that the stream already holds.
ALREADY_THERE = 10077
REQUEST_SECONDS = 5.0
# Without a number the server would set one of its own.
NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class BatchStream:
    """The names of one installation's stream."""

    installation: str

    @property
    def name(self) -> str:
        return f"canale-{self.installation}"

    @property
    def _subjects(self) -> str:
        return f"canale-batches.{self.installation}"

    def subject(self, batch_id: int, transport: str, *, urgent: bool) -> str:
        return f"{self._subjects}.{Priority.of(urgent=urgent)}.{transport}.{batch_id}"

    async def prepare(self, client: Client) -> JetStreamContext:
        """Make the stream and its consumers, or bring them up to date.

        Raises nats.errors.Error, also where the server has no JetStream.
        """
        context = client.jetstream(timeout=REQUEST_SECONDS)
        config = StreamConfig(
            name=self.name,
            description="Batches of notifications that wait for a worker",
            subjects=[f"{self._subjects}.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            discard_new_per_subject=True,
            max_msgs_per_subject=1,
        )
        try:
            await context.update_stream(config)
        except NotFoundError:
            await context.add_stream(config)
        for entry in FAN_OUTS:
            for urgent in (True, False):
                await context.add_consumer(self.name, self.consumer_config(entry, urgent=urgent))
        return context

    def consumer_config(self, entry: FanOutSpec[Any], *, urgent: bool) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=consumer_name(entry.name, urgent=urgent),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_deliver=-1,
            max_ack_pending=NO_LIMIT if entry.batches_at_once is None else entry.batches_at_once,
            filter_subject=f"{self._subjects}.{Priority.of(urgent=urgent)}.{entry.name}.*",
        )

    async def publish(self, context: JetStreamContext, subject: str) -> None:
        """Put a batch into the stream, unless it is there."""
        try:
            await context.publish(subject, stream=self.name)
        except APIError as error:
            if error.err_code != ALREADY_THERE:
                raise

    async def purge_through(self, context: JetStreamContext, last: int) -> None:
        """Remove finished batches from the stream, up to the sequence number ``last``.

        A server that is killed may keep a message that its consumer knows to be acknowledged: it
        would stay for ever, and its batch, resumed, would never be published again.
        """
        await context.purge_stream(self.name, seq=last + 1)


async def jetstream_problem(urls: Sequence[str]) -> str:
    """Return why none of the servers has JetStream; empty if one does. Changes nothing."""

    async def ask(client: Client) -> None:
        try:
            await client.jetstream(timeout=REQUEST_SECONDS).account_info()
        except ServiceUnavailableError as error:
            raise Error("nats: JetStream is off") from error

    return await _ask_once(urls, ask, fallback="workers look for batches")


async def delete(urls: Sequence[str], stream: BatchStream) -> str:
    """Delete a stream with its batches; return why that failed, else empty."""

    async def ask(client: Client) -> None:
        with suppress(NotFoundError):
            await client.jetstream(timeout=REQUEST_SECONDS).delete_stream(stream.name)

    return await _ask_once(urls, ask, fallback=f"the stream {stream.name} stays")


async def _ask_once(urls: Sequence[str], ask: Opened, *, fallback: str) -> str:
    """Ask one server after another until one answers; return why none did, else empty."""
    connection = NatsConnection(urls, "canale", ask, fallback=fallback)
    running = asyncio.create_task(connection.run_forever())
    try:
        await connection.attempted.wait()
        return connection.problem
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def consumer_name(transport: str, *, urgent: bool) -> str:
    return f"{Priority.of(urgent=urgent)}-{transport}"


def batch_of(subject: str) -> int:
    """Return the batch's id, from its subject."""
    return int(subject.rpartition(".")[2])
