# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads what a worker sends next: the most urgent chunk there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError

from canale.delivery.batch_source import BatchSource
from canale.delivery.chunk import Chunk
from canale.delivery.leases import BatchLease, stopped
from canale.delivery.pending import claim_pending
from canale.delivery.window import Load, Window
from canale.metrics.definitions import BATCHES

MAX_URGENT_RETRIES_IN_A_ROW = 4

CLAIMED = BATCHES.labels("claimed")


class BatchFailedError(Exception):
    """A batch could not be read, for an unknown reason."""

    def __init__(self, lease: BatchLease) -> None:
        super().__init__(f"Batch {lease.batch.pk} could not be read")
        self.lease = lease


class ChunkSource:
    """One per worker. Every call reads or writes the database, in the worker's thread for it."""

    def __init__(self, worker: str, batches: BatchSource, clock: Callable[[], datetime]) -> None:
        self._worker = worker
        self._batches = batches
        self._clock = clock
        self._leases: dict[bool, BatchLease] = {}
        """By urgency."""
        self._urgent_retries = 0
        """In a row."""

    def next(self, window: Window) -> Chunk | None:
        """Read the most urgent chunk for which there is room; for a batch of an alert there is.

        Retries of alerts come before normal posts, but not always: while one service is away,
        those of a large city come back again and again, and normal posts wait for services that
        answer.
        """
        alerts, normal = window
        if (chunk := self._read_batch(urgent=True)) is not None:
            return chunk
        retries_first = self._urgent_retries < MAX_URGENT_RETRIES_IN_A_ROW
        if retries_first:
            chunk = self._read_pending(alerts, urgent=True)
        if chunk is None and normal.has_room_for_batch:
            chunk = self._read_batch(urgent=False)
        if chunk is None:
            chunk = self._read_pending(normal, urgent=False)
        if chunk is None and not retries_first:
            chunk = self._read_pending(alerts, urgent=True)
        if chunk is not None and chunk.urgent:
            self._urgent_retries = self._urgent_retries % MAX_URGENT_RETRIES_IN_A_ROW + 1
        else:
            self._urgent_retries = 0
        return chunk

    def _read_batch(self, *, urgent: bool) -> Chunk | None:
        lease = self._leases.get(urgent)
        if lease is None:
            batch = self._batches.take(self._worker, self._clock(), urgent=urgent)
            if batch is None:
                return None
            CLAIMED.inc()
            lease = self._leases[urgent] = BatchLease(batch, self._worker, self._batches)
        try:
            chunk = lease.read(self._clock())
        except DatabaseError:
            raise
        except Exception as error:
            # It would fail again, and again: others first.
            self._read_no_more_of(lease)
            lease.fail(self._clock())
            raise BatchFailedError(lease) from error
        if lease.ended:
            del self._leases[urgent]
        if urgent and (preempted := self._leases.pop(False, None)) is not None:
            # No normal batch waits because this worker has an alert to send.
            preempted.end()
        return chunk

    def _read_pending(self, load: Load, *, urgent: bool) -> Chunk | None:
        if not load.has_room_for_retries:
            return None
        now = self._clock()
        messages = claim_pending(now, urgent=urgent)
        if messages is None:
            return None
        if messages.broadcast is not None and stopped([messages.broadcast], now):
            messages.drop()
        return messages.read(now)

    def forget(self, lease: BatchLease) -> None:
        """Drop a lease that another worker has, or will have when it ends."""
        lease.lost = lease.ended = True
        self._read_no_more_of(lease)
        self._batches.released(lease.batch.pk)

    def _read_no_more_of(self, lease: BatchLease) -> None:
        self._leases = {urgent: held for urgent, held in self._leases.items() if held is not lease}
