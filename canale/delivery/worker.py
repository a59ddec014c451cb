# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sends batches, retries and welcomes: reading, sending and recording overlap.

One thread reads the next chunk and records those that are complete, while the event loop sends.
At most WINDOW_ADDRESSES of one priority are read and not yet recorded (window.py says what that
means when the worker is killed). A service that is slow, or does not
answer, keeps no chunk open: retries stand in for what it was sent and for what it would be sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils import timezone
from prometheus_client import Histogram

from canale.core.settings import settings
from canale.delivery.batch_source import BatchSource
from canale.delivery.chunk import Chunk, Delivery, recordable
from canale.delivery.database_source import DatabaseSource
from canale.delivery.figures import WorkerFigures
from canale.delivery.lease import LeaseLost, stopped
from canale.delivery.limiter import Limiters
from canale.delivery.liveness import WorkerLock
from canale.delivery.queue import release_worker
from canale.delivery.reader import Reader
from canale.delivery.reasons import NOT_OPENED, OUR_ERROR
from canale.delivery.slo import seconds_left
from canale.delivery.transports.base import FanOutTransport, Outcome, Result
from canale.delivery.transports.registry import get_fan_out
from canale.delivery.window import Window, window_of
from canale.metrics.names import BATCHES, READING, RECORDING
from canale.metrics.pulse import pulse
from canale.runtime.database_away import outage

logger = logging.getLogger(__name__)
T = TypeVar("T")

# A chunk goes on without the answers that have not come in this time.
CHUNK_TIMEOUT_SECONDS = 3.0
TICK_SECONDS = 0.25
DATABASE_PAUSE_SECONDS = 0.5
# At shutdown: messages not answered by then are sent again by another worker.
SHUTDOWN_GRACE_SECONDS = 10.0

LOST = BATCHES.labels("lost")

FAILED = Result(Outcome.REJECTED, None, OUR_ERROR)
UNOPENED = Result(Outcome.REJECTED, None, NOT_OPENED)


class Worker:
    """One per worker process. Its database calls run in one thread, its sending on the loop."""

    def __init__(
        self, batches: BatchSource | None = None, clock: Callable[[], datetime] = timezone.now
    ) -> None:
        self._lock = WorkerLock(settings.data)
        self.name = self._lock.name
        self.clock = clock
        self._batches = batches or DatabaseSource()
        self._reader = Reader(self.name, self._batches, clock)
        self._database = ThreadPoolExecutor(1, "delivery-database")
        self._transports: dict[str, tuple[FanOutTransport[Any], Limiters[Delivery]]] = {}
        self._chunks: list[Chunk] = []
        self._late: list[Chunk] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._figures = WorkerFigures()
        self._changed = asyncio.Event()
        self._wakeup = asyncio.Event()
        self._wakeups = 0
        self._drained = asyncio.Condition()

    async def run(self, wake: Callable[[], None] = lambda: None) -> None:
        """Record complete chunks, and watch for slow and stopped ones, until cancelled.

        ``wake`` is called when there is a chunk to take, or room for one.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batches.run(wake))
            tasks.create_task(self._record_forever(wake))
            tasks.create_task(self._watch_slow_services())
            tasks.create_task(self._watch_stopped())
            tasks.create_task(pulse("worker", self._figures.hand_over))

    def hint(self) -> None:
        """Take note that a post was published, corrected or withdrawn. Called on the event loop."""
        self._wakeups += 1
        self._wakeup.set()

    async def take(self) -> bool:
        """Read the next chunk and start to send it. False: there is none, or no room for it."""
        room = self._window()
        if not room.alerts.has_room_for_batch:
            return False
        wakeups = self._wakeups
        chunk = await self.call(lambda: self._reader.next(room), READING)
        if chunk is None:
            return False
        self._send_chunk(chunk)
        if wakeups != self._wakeups:
            # The chunk may have been stopped while it was read.
            self._wakeup.set()
        return True

    async def finish(self) -> None:
        """Wait for messages in flight, release the leases, close the connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_GRACE_SECONDS):
                async with self._drained:
                    await self._drained.wait_for(lambda: not self._chunks)
                if self._tasks:
                    # Detached messages, for which retries stand in.
                    await asyncio.wait(self._tasks)
        await self._record_late()
        for task in self._tasks:
            task.cancel()
        try:
            await self._release()
            await self._batches.close()
        finally:
            for transport, limiters in self._transports.values():
                limiters.close()
                await transport.close()

    async def _release(self) -> None:
        try:
            await self.call(lambda: release_worker(self.name))
            self._lock.release()
        except DatabaseError as error:
            # The file stays, unlocked: others see that this worker has exited.
            logger.warning("Leases were not released: %s", error)

    async def call(self, work: Callable[[], T], seconds: Histogram | None = None) -> T:
        """Run database work in its thread; ``seconds`` measures it."""

        def run() -> T:
            close_old_connections()
            with seconds.time() if seconds is not None else nullcontext():
                done = work()
            outage.answered()
            return done

        return await asyncio.get_running_loop().run_in_executor(self._database, run)

    # Sending

    def _window(self) -> Window:
        return window_of(
            (chunk.urgent, chunk.source.pending, len(chunk.recipients)) for chunk in self._chunks
        )

    def _send_chunk(self, chunk: Chunk) -> None:
        now = asyncio.get_running_loop().time()
        chunk.started_at, source = now, chunk.source
        if source.broadcast is not None:
            chunk.slo_deadline = now + seconds_left(source.broadcast, self.clock())
        self._chunks.append(chunk)
        transport, limiters = self._transport(source.transport)
        for delivery in list(chunk.open.values()):
            if delivery.recipient.opened is None:
                self._figures.unopened(source.transport)
                chunk.settle(delivery, UNOPENED, now)
                continue
            limiter = delivery.limiter = limiters.at(transport.origin(delivery.recipient.opened))
            urgent = chunk.urgent
            blocks = limiters.blocks_others(limiter, urgent=urgent)
            if blocks and not limiter.has_capacity(urgent=urgent):
                chunk.defer(delivery, limiter.estimated_wait(urgent=urgent))
            else:
                limiter.submit(delivery)
        self._detach_slow(chunk)

    def _transport(self, name: str) -> tuple[FanOutTransport[Any], Limiters[Delivery]]:
        if name not in self._transports:
            entry = get_fan_out(name)
            clock = asyncio.get_running_loop().time
            transport = entry.open()
            tally = self._figures.tallies(name, transport)
            limiters = Limiters(entry.concurrency, self._start, self._defer, clock, tally)
            self._figures.watch(name, limiters)
            self._transports[name] = transport, limiters
        return self._transports[name]

    def _start(self, delivery: Delivery) -> None:
        delivery.started = True
        task = asyncio.create_task(self._send(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, delivery: Delivery) -> None:
        chunk, recipient = delivery.chunk, delivery.recipient
        transport, _ = self._transports[chunk.source.transport]
        message = chunk.messages[recipient.language]
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            result = await transport.send(message, recipient)
        except Exception:
            # An unexpected error with one address does not stop the others.
            logger.exception("Unexpected error sending a message", extra=chunk.source.log_fields())
            result = FAILED
        now = clock()
        if delivery.limiter is not None:
            delivery.limiter.on_result(result, now - begun)
        chunk.settle(delivery, result, now)
        if chunk.late and chunk.late[-1][0] is recipient:
            self._late.append(chunk)
        self._notify_if_complete(chunk)

    def _defer(self, delivery: Delivery, seconds: float) -> None:
        delivery.chunk.defer(delivery, seconds)
        self._notify_if_complete(delivery.chunk)

    def _cancel_unsent(self, chunk: Chunk) -> None:
        chunk.cancel_unsent()
        self._notify_if_complete(chunk)

    def _notify_if_complete(self, chunk: Chunk) -> None:
        if chunk.complete:
            self._changed.set()

    async def _watch_slow_services(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            due = asyncio.get_running_loop().time() - CHUNK_TIMEOUT_SECONDS
            for chunk in self._chunks:
                self._detach_slow(chunk, timed_out=chunk.started_at < due)

    def _detach_slow(self, chunk: Chunk, *, timed_out: bool = False) -> None:
        _, limiters = self._transport(chunk.source.transport)
        urgent = chunk.urgent
        slow = {
            limiter
            for limiter in chunk.limiters
            if timed_out or limiters.blocks_others(limiter, urgent=urgent)
        }
        for delivery in list(chunk.open.values()) if slow else ():
            if delivery.limiter not in slow:
                continue
            if delivery.started:
                chunk.detach(delivery)
            else:
                chunk.defer(delivery, delivery.limiter.estimated_wait(urgent=urgent))
        self._notify_if_complete(chunk)

    async def _watch_stopped(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            try:
                await self._cancel_stopped()
            except DatabaseError:
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)
                self._wakeup.set()

    async def _cancel_stopped(self) -> None:
        """Cancel unsent messages of broadcasts that a correction or a withdrawal has stopped."""
        unfinished = {
            chunk.source.broadcast
            for chunk in self._chunks
            if chunk.source.broadcast is not None and not chunk.complete
        }
        if not unfinished:
            return
        ended = await self.call(lambda: stopped(list(unfinished), self.clock()))
        for chunk in self._chunks:
            if chunk.source.broadcast is not None and chunk.source.broadcast.pk in ended:
                self._cancel_unsent(chunk)

    # Recording

    async def _record_forever(self, wake: Callable[[], None]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for chunks in recordable(self._chunks):
                await self._record(chunks)
                wake()
                async with self._drained:
                    self._drained.notify_all()
            await self._record_late()

    async def _record(self, chunks: Sequence[Chunk]) -> None:
        """Wait for a database that is locked or away: only this process has the results."""
        source = chunks[0].source
        while True:
            try:
                await self.call(lambda: source.record(chunks, self.clock()), RECORDING)
                break
            except LeaseLost as lost:
                LOST.inc()
                logger.warning("%s", lost, extra=source.log_fields())
                self._reader.forget(lost.lease)
                for chunk in self._chunks:
                    if chunk.source is source:
                        self._cancel_unsent(chunk)
                break
            except DatabaseError:
                logger.exception(
                    "The database did not record results; trying again",
                    extra=source.log_fields(),
                )
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)
        for chunk in chunks:
            chunk.recorded = True
        self._chunks = [chunk for chunk in self._chunks if not chunk.recorded]

    async def _record_late(self) -> None:
        due = [chunk for chunk in self._late if chunk.recorded]
        self._late = [chunk for chunk in self._late if not chunk.recorded]
        for chunk in due:
            late, chunk.late = chunk.late, []
            in_time, chunk.late_in_time = chunk.late_in_time, 0
            if not late:
                continue
            try:
                record_late = chunk.source.record_late
                await self.call(partial(record_late, late, self.clock(), in_time))
            except DatabaseError:
                # Their retries are sent all the same, and the phone shows one notification.
                logger.exception("Late answers were not recorded", extra=chunk.source.log_fields())
