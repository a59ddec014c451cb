# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The batch source of several machines: JetStream hands each batch to one worker.

It spares a hundred workers from asking the table every second, limits the batches of a transport
over all of them, and hands a lost worker's batch to another. The table is the truth: while NATS is
unreachable, workers take batches from there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from django.db import DatabaseError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NoMessage
from nats.js import JetStreamContext

from canale.delivery.leases import claim, is_unfinished
from canale.delivery.models import Batch
from canale.delivery.transports.registry import FAN_OUTS
from canale.nats.cancellation import cancel_until_done
from canale.nats.connection import FAILURES, NatsConnection
from canale.nats.stream import ACK_SECONDS, BatchStream, batch_of, consumer_name

logger = logging.getLogger(__name__)

# A request for a batch waits at the server for this time, and is repeated.
FETCH_SECONDS = 20.0
# After this time without a connection, batches come from the table.
AWAY_SECONDS = 3.0
# A batch that another worker seems to have is offered again after this time.
TAKEN_SECONDS = 5.0
CLOSE_SECONDS = 2.0
FALLBACK = "this worker takes batches from the table"

Answer = Callable[[Msg], Coroutine[object, object, None]]


class JetStreamSource:
    """The batches of one worker. `run` belongs to its event loop."""

    def __init__(self, urls: Sequence[str], installation: str) -> None:
        self._stream = BatchStream(installation)
        self._connection = NatsConnection(
            urls, f"canale worker {os.getpid()}", self._opened, fallback=FALLBACK
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: Callable[[], None] = lambda: None
        self._connected_at = time.monotonic()
        self._offered: dict[bool, deque[int]] = {True: deque(), False: deque()}
        """Batches by urgency, delivered by the server and not claimed yet."""
        self._wanted = {True: asyncio.Event(), False: asyncio.Event()}
        self._held: dict[int, Msg] = {}
        self._pulls: list[asyncio.Task[None]] = []
        self._answers: set[asyncio.Future[None]] = set()

    async def run(self, wake: Callable[[], None]) -> None:
        async def report_progress() -> None:
            while True:
                await asyncio.sleep(ACK_SECONDS / 3)
                for message in list(self._held.values()):
                    with suppress(*FAILURES):
                        await message.in_progress()

        self._loop, self._wake = asyncio.get_running_loop(), wake
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._connection.run_forever())
            tasks.create_task(cancel_until_done(report_progress))

    async def _opened(self, client: Client) -> None:
        context = await self._stream.prepare(client)
        # The last connection's batches cannot be answered any more, and are offered again.
        for pull in self._pulls:
            pull.cancel()
        self._held.clear()
        for offered in self._offered.values():
            offered.clear()
        self._pulls = [
            asyncio.create_task(
                cancel_until_done(partial(self._pull, client, context, entry.name, urgent=urgent))
            )
            for entry in FAN_OUTS
            for urgent in (True, False)
        ]

    async def _pull(
        self, client: Client, context: JetStreamContext, transport: str, *, urgent: bool
    ) -> None:
        """Fetch batches of one transport and priority, each when `take` has found none."""
        try:
            name = consumer_name(transport, urgent=urgent)
            subscription = await context.pull_subscribe_bind(name, stream=self._stream.name)
            while True:
                await self._wanted[urgent].wait()
                with suppress(NoMessage):
                    message = (await subscription.fetch(1, timeout=FETCH_SECONDS))[0]
                    batch_id = batch_of(message.subject)
                    self._held[batch_id] = message
                    self._wanted[urgent].clear()
                    self._offered[urgent].append(batch_id)
                    self._wake()
        except FAILURES as error:
            if client.is_connected:
                logger.warning("JetStream error: %s", error)
            # The next connection checks stream and consumers again.
            with suppress(*FAILURES):
                await client.close()

    def take(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        if self._connection.client is not None:
            self._connected_at = time.monotonic()
        elif time.monotonic() - self._connected_at > AWAY_SECONDS:
            return claim(worker, now, urgent=urgent)
        offered = self._offered[urgent]
        while offered:
            batch_id = offered.popleft()
            try:
                batch = claim(worker, now, urgent=urgent, batch_id=batch_id)
                unfinished = batch is not None or is_unfinished(batch_id)
            except DatabaseError:
                offered.appendleft(batch_id)
                raise
            if batch is not None:
                # A normal batch does not wait while this worker sends an alert.
                while urgent and self._offered[False]:
                    self.released(self._offered[False].popleft())
                return batch
            if unfinished:
                self._answer(batch_id, lambda message: message.nak(TAKEN_SECONDS))
            else:
                self.finished(batch_id)
        self._on_loop(self._wanted[urgent].set)
        return None

    def finished(self, batch_id: int) -> None:
        self._answer(batch_id, lambda message: message.ack())

    def released(self, batch_id: int) -> None:
        self._answer(batch_id, lambda message: message.nak())

    def _answer(self, batch_id: int, answer: Answer) -> None:
        """Answer a message. A lost answer costs one more delivery, whose claim is refused."""

        async def send() -> None:
            message = self._held.pop(batch_id, None)
            if message is not None:
                with suppress(*FAILURES):
                    await answer(message)

        def begin() -> None:
            # The loop keeps only a weak reference to a task.
            task = asyncio.ensure_future(send())
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

        self._on_loop(begin)

    def _on_loop(self, act: Callable[[], object]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(act)

    async def close(self) -> None:
        client = self._connection.client
        for pull in self._pulls:
            pull.cancel()
        with suppress(*FAILURES):
            async with asyncio.timeout(CLOSE_SECONDS):
                for message in list(self._held.values()):
                    await message.nak()
                if client is not None:
                    await client.flush()
                    await client.close()
