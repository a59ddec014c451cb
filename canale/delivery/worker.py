# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A worker process: sends batches, retries and welcomes until it is stopped.

One coroutine takes each chunk from reading to recording, so that reading, sending and recording
overlap. One thread reads and writes the database while the event loop sends. At most
WINDOW_ADDRESSES of one priority are read and not yet recorded (window.py says what that means when
the worker is killed). A service that is slow, or does not answer, keeps no chunk open: retries
stand in for what it was sent and for what it would be sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseError
from django.utils import timezone

from canale.bus.base import Bus
from canale.core.settings import settings
from canale.delivery.batch_source import BatchSource
from canale.delivery.chunk import Chunk, Delivery
from canale.delivery.leases import LeaseLostError, release_worker, stopped
from canale.delivery.limiter import Limiters
from canale.delivery.metrics import WorkerMetrics
from canale.delivery.pending import record_late
from canale.delivery.plan import SUBJECT
from canale.delivery.reasons import OUR_ERROR
from canale.delivery.slo import seconds_left
from canale.delivery.source import BatchFailedError, ChunkSource
from canale.delivery.transports.base import FanOutTransport, Outcome, Result
from canale.delivery.transports.registry import get_fan_out
from canale.delivery.window import window_of
from canale.delivery.worker_slot import WorkerSlot
from canale.metrics.definitions import BATCHES, READING, RECORDING
from canale.metrics.reporter import report_metrics
from canale.runtime.database_thread import DatabaseThread
from canale.runtime.events import wait_at_most

logger = logging.getLogger(__name__)

# Retries become due, and hints get lost: look at least this often.
POLL_SECONDS = 1.0
# A chunk goes on without the answers that have not come in this time.
CHUNK_TIMEOUT_SECONDS = 3.0
# Between two checks of a chunk's services.
TICK_SECONDS = 0.25
# Late answers are recorded this often.
FLUSH_SECONDS = 0.5
DATABASE_PAUSE_SECONDS = 0.5
# At shutdown: messages not answered by then are sent again by another worker.
SHUTDOWN_GRACE_SECONDS = 10.0

LOST = BATCHES.labels("lost")

FAILED = Result(Outcome.REJECTED, None, OUR_ERROR)


class Worker:
    """One per worker process. Its database calls run in one thread, its sending on the loop."""

    def __init__(self, batches: BatchSource, clock: Callable[[], datetime] = timezone.now) -> None:
        self._slot = WorkerSlot(settings.data)
        self.name = self._slot.name
        self.clock = clock
        self._batches = batches
        self._source = ChunkSource(self.name, batches, clock)
        self.database = DatabaseThread("delivery-database")
        self._transports: dict[str, tuple[FanOutTransport[Any], Limiters[Delivery]]] = {}
        self._chunks: list[Chunk] = []
        """Read and not yet recorded, in the order of reading."""
        self._deliveries: dict[asyncio.Task[None], Chunk] = {}
        self._metrics = WorkerMetrics()
        self._stopping = False
        self._wakeup = asyncio.Event()
        """Set when there may be a chunk to take, or room for one."""

    async def run(self, bus: Bus) -> None:
        """Deliver until `stop` is called; then finish what is in flight and release the rest."""
        subscription = bus.subscribe({SUBJECT: lambda _: self._wakeup.set()})
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(self._batches.run(self._wakeup.set)),
                    tasks.create_task(report_metrics("worker", self._metrics.flush)),
                ]
                await self._release_leftovers()
                while not self._stopping:
                    self._wakeup.clear()
                    chunk = await self._next()
                    if chunk is None:
                        await wait_at_most(self._wakeup, POLL_SECONDS)
                        continue
                    delivery = tasks.create_task(self._deliver(chunk))
                    self._deliveries[delivery] = chunk
                    delivery.add_done_callback(self._deliveries.pop)
                await self._finish()
                for task in beside:
                    task.cancel()
        finally:
            subscription.close()

    def stop(self) -> None:
        """End `run`. Called on the event loop."""
        self._stopping = True
        self._wakeup.set()

    async def _release_leftovers(self) -> None:
        """Release what this worker's name still holds since it was last killed."""
        while not self._stopping:
            try:
                await self.database.run(lambda: release_worker(self.name))
                return
            except DatabaseError:
                logger.exception("Database error while looking for work; will retry")
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)

    async def _next(self) -> Chunk | None:
        """Read the next chunk; None if there is none, no room for one, or no database."""
        window = window_of(
            (chunk.urgent, chunk.lease.pending, len(chunk.recipients)) for chunk in self._chunks
        )
        try:
            await self._cancel_stopped()
            # While alerts fill their window nothing else is read.
            if window.alerts.has_room_for_batch:
                chunk = await self.database.run(lambda: self._source.next(window), READING)
                self._chunks += [chunk] if chunk is not None else []
                return chunk
        except DatabaseError:
            logger.exception("Database error while looking for work; will retry")
        except BatchFailedError as failure:
            # It stays claimed until its lease ends: others go first.
            logger.exception("%s; will retry", failure, extra=failure.lease.log_fields())
        except Exception:
            # Claimed rows are tried again when their lease ends.
            logger.exception("Unexpected error reading pending messages; will retry")
        return None

    async def _cancel_stopped(self) -> None:
        """Cancel unsent messages of broadcasts that a correction or a withdrawal has stopped."""
        unfinished = {
            chunk.lease.broadcast
            for chunk in self._chunks
            if chunk.lease.broadcast is not None and chunk.unsent
        }
        if not unfinished:
            return
        ended = await self.database.run(lambda: stopped(list(unfinished), self.clock()))
        for chunk in self._chunks:
            if chunk.lease.broadcast is not None and chunk.lease.broadcast.pk in ended:
                chunk.cancel_unsent()

    # A chunk, from reading to recording

    async def _deliver(self, chunk: Chunk) -> None:
        """Send a chunk's messages and record what became of them."""
        clock = asyncio.get_running_loop().time
        read_before = self._chunks[: self._chunks.index(chunk)]
        earlier = [other for other in read_before if other.lease is chunk.lease]
        if chunk.lease.broadcast is not None:
            chunk.slo_deadline = clock() + seconds_left(chunk.lease.broadcast, self.clock())
        self._metrics.unopened(chunk.lease.transport, len(chunk.results))
        transport, limiters = self._transport(chunk.lease.transport)
        for delivery in list(chunk.open.values()):
            delivery.limiter = limiters.at(transport.origin(delivery.recipient.opened or {}))
            delivery.limiter.submit(delivery)
        timeout_at = clock() + CHUNK_TIMEOUT_SECONDS
        while not chunk.complete.is_set():
            chunk.detach(everything=clock() >= timeout_at)
            await wait_at_most(chunk.complete, TICK_SECONDS)
        for other in earlier:
            await other.recorded.wait()
        await self._record(chunk)
        self._chunks.remove(chunk)
        chunk.recorded.set()
        self._wakeup.set()
        while chunk.detached or chunk.late:
            if chunk.late:
                await self._record_late(chunk)
            else:
                await asyncio.sleep(FLUSH_SECONDS)

    def _transport(self, name: str) -> tuple[FanOutTransport[Any], Limiters[Delivery]]:
        if name not in self._transports:
            entry = get_fan_out(name)
            clock = asyncio.get_running_loop().time
            transport = entry.open()
            counters = self._metrics.counters_of(name, transport)
            limiters = Limiters(entry.concurrency, self._send, Delivery.defer, clock, counters)
            self._metrics.watch(name, limiters)
            self._transports[name] = transport, limiters
        return self._transports[name]

    async def _send(self, delivery: Delivery) -> None:
        chunk, recipient = delivery.chunk, delivery.recipient
        transport, _ = self._transports[chunk.lease.transport]
        message = chunk.messages[recipient.language]
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            result = await transport.send(message, recipient)
        except Exception:
            # An unexpected error with one address does not stop the others.
            logger.exception("Unexpected error sending a message", extra=chunk.lease.log_fields())
            result = FAILED
        now = clock()
        if delivery.limiter is not None:
            delivery.limiter.on_result(result, now - begun)
        chunk.settle(delivery, result, now)

    async def _record(self, chunk: Chunk) -> None:
        """Wait for a database that is locked or away: only this process has the results."""
        lease = chunk.lease
        while True:
            try:
                return await self.database.run(lambda: lease.record(chunk, self.clock()), RECORDING)
            except LeaseLostError as lost:
                LOST.inc()
                logger.warning("%s", lost, extra=lease.log_fields())
                self._source.forget(lost.lease)
                for other in self._chunks:
                    if other.lease is lease:
                        other.cancel_unsent()
                return None
            except DatabaseError:
                logger.exception(
                    "Database error recording results; will retry",
                    extra=lease.log_fields(),
                )
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)

    async def _record_late(self, chunk: Chunk) -> None:
        late, chunk.late = chunk.late, []
        in_time, chunk.late_in_time = chunk.late_in_time, 0
        try:
            await self.database.run(lambda: record_late(chunk.lease, late, self.clock(), in_time))
        except DatabaseError:
            # Their retries are sent all the same, and the phone shows one notification.
            logger.exception(
                "Database error recording late answers; their messages are sent again",
                extra=chunk.lease.log_fields(),
            )

    # Shutting down

    async def _finish(self) -> None:
        """Wait for messages in flight, release the leases, close the connections."""
        deliveries = dict(self._deliveries)
        if deliveries:
            _, unfinished = await asyncio.wait(deliveries, timeout=SHUTDOWN_GRACE_SECONDS)
            for delivery in unfinished:
                delivery.cancel()
                chunk = deliveries[delivery]
                if chunk.recorded.is_set() and chunk.late:
                    await self._record_late(chunk)
        for _, limiters in self._transports.values():
            limiters.close()
        try:
            await self.database.run(lambda: release_worker(self.name))
        except DatabaseError as error:
            logger.warning("Cannot release leases; they will expire: %s", error)
        finally:
            self._slot.close()
            await self._batches.close()
            for transport, _ in self._transports.values():
                await transport.close()
