# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Publishing of unfinished batches to JetStream: new ones at once, lost ones every few seconds.

Every node does it; the stream keeps each batch once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from django.db import DatabaseError, close_old_connections
from nats.aio.client import Client
from nats.js import JetStreamContext

from canale.delivery.leases import unfinished_ids, waiting_from
from canale.nats.cancellation import cancel_until_done
from canale.nats.connection import FAILURES, NatsConnection
from canale.nats.stream import BatchStream

logger = logging.getLogger(__name__)
T = TypeVar("T")

SWEEP_SECONDS = 5.0
# The pause after an error of the database or the broker.
RETRY_SECONDS = 0.5
# Batches in flight to the server at once.
MAX_IN_FLIGHT = 100
# Hints come with each follower too: looking for new batches takes a tenth of the time at most (the
# ids of 5,000 unfinished batches take 3 ms, of 30,000 19 ms), and never pauses for longer.
PAUSE_FACTOR = 9.0
MAX_PAUSE_SECONDS = 0.2
FALLBACK = "no batch is handed out: workers look for them"


class Dispatcher:
    """One in each process of `canale serve` that keeps workers or a scheduler."""

    def __init__(self, urls: Sequence[str], installation: str) -> None:
        self._stream = BatchStream(installation)
        self._connection = NatsConnection(
            urls, "canale dispatcher", self._opened, fallback=FALLBACK
        )
        self._context: JetStreamContext | None = None
        self._hinted = asyncio.Event()
        self.published: set[int] = set()
        """Unfinished batches that the stream was given. A set, because a greatest number would not
        do: a transaction that took its numbers early may commit late, and `canale resume` brings
        old ones back."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._connection.run_forever())
            tasks.create_task(cancel_until_done(self._dispatch))

    def hint(self) -> None:
        """Look for new batches. Called on the event loop."""
        self._hinted.set()

    async def _opened(self, client: Client) -> None:
        self._context = await self._stream.prepare(client)
        self.published.clear()
        self.hint()

    async def _dispatch(self) -> None:
        loop = asyncio.get_running_loop()
        sweep_at = loop.time() + SWEEP_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(sweep_at):
                    await self._hinted.wait()
            try:
                if self._hinted.is_set():
                    self._hinted.clear()
                    await self._publish_new()
                # Hints come with each follower too: they do not delay a sweep.
                if loop.time() >= sweep_at:
                    sweep_at = loop.time() + SWEEP_SECONDS
                    await self._sweep()
            except DatabaseError:
                logger.exception("Error reading unfinished batches; will retry")
                loop.call_later(RETRY_SECONDS, self.hint)
            except FAILURES as error:
                logger.warning("Error publishing batches; will retry: %s", error)
                loop.call_later(RETRY_SECONDS, self.hint)

    async def _publish_new(self) -> None:
        if self._connection.client is None or self._context is None:
            return
        clock = asyncio.get_running_loop().time
        begun = clock()
        unfinished = await self._read_unfinished()
        pause = min(PAUSE_FACTOR * (clock() - begun), MAX_PAUSE_SECONDS)
        await self._publish_missing(self._context, unfinished)
        await asyncio.sleep(pause)

    async def _sweep(self) -> None:
        """Publish batches whose hint or message was lost; purge messages of finished ones."""
        if self._connection.client is None or self._context is None:
            return
        info = await self._context.stream_info(self._stream.name)
        unfinished = await self._read_unfinished()
        if info.state.messages and not unfinished:
            await self._stream.purge_through(self._context, info.state.last_seq)
        if info.state.messages < len(unfinished):
            self.published.clear()
        await self._publish_missing(self._context, unfinished)

    async def _read_unfinished(self) -> set[int]:
        unfinished = await asyncio.to_thread(read, unfinished_ids)
        self.published &= unfinished
        return unfinished

    async def _publish_missing(self, context: JetStreamContext, unfinished: set[int]) -> None:
        missing = unfinished - self.published
        if not missing:
            return
        found = await asyncio.to_thread(read, partial(waiting_from, min(missing)))
        batches = [batch for batch in found if batch.pk not in self.published]
        for start in range(0, len(batches), MAX_IN_FLIGHT):
            together = batches[start : start + MAX_IN_FLIGHT]
            subjects = [
                self._stream.subject(batch.pk, batch.transport, urgent=batch.urgent)
                for batch in together
            ]
            await asyncio.gather(*(self._stream.publish(context, name) for name in subjects))
            self.published.update(batch.pk for batch in together)


def read(query: Callable[[], T]) -> T:
    """Query the database in a thread that keeps its connection."""
    close_old_connections()
    return query()
