# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The engine of several machines: JetStream hands each batch to one worker.

It spares a hundred workers from asking the table every second, holds all of them together to what a
transport takes, and hands a silent worker's batch to another. It is never the truth: while it is
away, workers take batches from the table.
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

from canale.delivery.models import Batch
from canale.delivery.queue import claim, claim_next, is_unfinished
from canale.delivery.transports.registry import FAN_OUTS
from canale.nats.cancelling import ends_when_cancelled
from canale.nats.connection import FAILURES, NatsConnection
from canale.nats.stream import ACK_SECONDS, BatchStream, batch_of, consumer

logger = logging.getLogger(__name__)

# A request for a batch waits so long at the server, then it is made again.
FETCH_SECONDS = 20.0
# Without a connection for so long, batches come from the table.
AWAY_SECONDS = 3.0
# A batch that somebody else seems to have is offered again so much later.
TAKEN_SECONDS = 5.0
CLOSE_SECONDS = 2.0
MEANWHILE = "this worker takes batches from the table"

Answer = Callable[[Msg], Coroutine[object, object, None]]


class JetStreamSource:
    """One worker's part. `run` belongs to its event loop."""

    def __init__(self, urls: Sequence[str], installation: str) -> None:
        self._stream = BatchStream(installation)
        self._line = NatsConnection(
            urls, f"canale worker {os.getpid()}", self._opened, meanwhile=MEANWHILE
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: Callable[[], None] = lambda: None
        self._connected_at = time.monotonic()
        self._offered: dict[bool, deque[int]] = {True: deque(), False: deque()}
        """By priority: delivered by the server and not claimed yet."""
        self._wanted = {True: asyncio.Event(), False: asyncio.Event()}
        self._held: dict[int, Msg] = {}
        self._pulls: list[asyncio.Task[None]] = []
        self._answers: set[asyncio.Future[None]] = set()

    async def run(self, wake: Callable[[], None]) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), wake
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.keep())
            tasks.create_task(ends_when_cancelled(self._hold))

    async def _opened(self, client: Client) -> None:
        context = await self._stream.prepare(client)
        self._forget()
        self._pulls = [
            asyncio.create_task(
                ends_when_cancelled(partial(self._pull, client, context, entry.name, urgent=urgent))
            )
            for entry in FAN_OUTS
            for urgent in (True, False)
        ]

    def _forget(self) -> None:
        """Drop the last connection's batches: they cannot be answered, and are offered again."""
        for pull in self._pulls:
            pull.cancel()
        self._held.clear()
        for offered in self._offered.values():
            offered.clear()

    async def _pull(
        self, client: Client, context: JetStreamContext, transport: str, *, urgent: bool
    ) -> None:
        try:
            name = consumer(transport, urgent=urgent)
            subscription = await context.pull_subscribe_bind(name, stream=self._stream.name)
            while True:
                await self._wanted[urgent].wait()
                with suppress(NoMessage):
                    message = (await subscription.fetch(1, timeout=FETCH_SECONDS))[0]
                    self._offer(message, urgent=urgent)
        except FAILURES as error:
            if client.is_connected:
                logger.warning("The stream of batches does not answer as it should: %s", error)
            # The next connection checks stream and consumers again.
            with suppress(*FAILURES):
                await client.close()

    def _offer(self, message: Msg, *, urgent: bool) -> None:
        batch_id = batch_of(message.subject)
        self._held[batch_id] = message
        self._wanted[urgent].clear()
        self._offered[urgent].append(batch_id)
        self._wake()

    async def _hold(self) -> None:
        """Say of what is held that it is worked on."""
        while True:
            await asyncio.sleep(ACK_SECONDS / 3)
            for message in list(self._held.values()):
                with suppress(*FAILURES):
                    await message.in_progress()

    def take(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        if self._away():
            return claim_next(worker, now, urgent=urgent)
        batch = self._claim_offered(worker, now, urgent=urgent)
        if batch is None:
            self._on_loop(self._wanted[urgent].set)
        elif urgent:
            self._nak_normal()
        return batch

    def _away(self) -> bool:
        if self._line.client is not None:
            self._connected_at = time.monotonic()
        return time.monotonic() - self._connected_at > AWAY_SECONDS

    def _claim_offered(self, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
        offered = self._offered[urgent]
        while offered:
            batch_id = offered.popleft()
            try:
                batch = claim(batch_id, worker, now, urgent=urgent)
                open_still = batch is not None or is_unfinished(batch_id)
            except DatabaseError:
                offered.appendleft(batch_id)
                raise
            if batch is not None:
                return batch
            if open_still:
                self._answer(batch_id, lambda message: message.nak(TAKEN_SECONDS))
            else:
                self.finished(batch_id)
        return None

    def _nak_normal(self) -> None:
        """Nobody waits for an ordinary batch because this worker has an alert to send."""
        offered = self._offered[False]
        while offered:
            self.released(offered.popleft())

    def finished(self, batch_id: int) -> None:
        self._answer(batch_id, lambda message: message.ack())

    def released(self, batch_id: int) -> None:
        self._answer(batch_id, lambda message: message.nak())

    def _answer(self, batch_id: int, answer: Answer) -> None:
        """An answer that gets lost costs one more delivery, whose claim is refused."""

        async def send() -> None:
            message = self._held.pop(batch_id, None)
            if message is not None:
                with suppress(*FAILURES):
                    await answer(message)

        def begin() -> None:
            # Without a reference the loop might lose it.
            task = asyncio.ensure_future(send())
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

        self._on_loop(begin)

    def _on_loop(self, act: Callable[[], object]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(act)

    async def close(self) -> None:
        client = self._line.client
        for pull in self._pulls:
            pull.cancel()
        with suppress(*FAILURES):
            async with asyncio.timeout(CLOSE_SECONDS):
                for message in list(self._held.values()):
                    await message.nak()
                if client is not None:
                    await client.flush()
                    await client.close()
