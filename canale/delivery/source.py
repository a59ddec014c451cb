# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a worker sends next: the most urgent thing there is, read and rendered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError

from canale.delivery.batch_source import BatchSource
from canale.delivery.chunk import Chunk
from canale.delivery.lease import Lease, lease_of, stopped
from canale.delivery.retries import claim_retries, claim_welcomes
from canale.delivery.window import Load, Window
from canale.metrics.names import BATCHES

URGENT_RETRIES_IN_A_ROW = 4

CLAIMED = BATCHES.labels("claimed")


class BatchFailed(Exception):  # noqa: N818
    """A batch could not be read, for a reason that nobody foresaw."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"Batch {lease.batch.pk} could not be read")
        self.lease = lease


class ChunkSource:
    """One per worker. Every call reads or writes the database, in the worker's thread for it."""

    def __init__(self, worker: str, batches: BatchSource, clock: Callable[[], datetime]) -> None:
        self._worker = worker
        self._batches = batches
        self._clock = clock
        self._leases: dict[bool, Lease] = {}
        self._urgent_retries = 0
        """In a row."""

    def next(self, window: Window) -> Chunk | None:
        """The most urgent for which there is room; there is for a batch of an alert."""
        alerts, normal = window
        return self._batch(urgent=True) or self._after_alerts(alerts, normal)

    def _after_alerts(self, alerts: Load, normal: Load) -> Chunk | None:
        """Retries of alerts first, but not always: while one service is away, those of a large city
        come back again and again, and normal posts wait for services that answer."""
        if self._urgent_retries < URGENT_RETRIES_IN_A_ROW:
            chunk = self._urgent_retry(alerts) or self._read_normal(normal)
        else:
            chunk = self._read_normal(normal) or self._urgent_retry(alerts)
        is_retry = chunk is not None and chunk.urgent
        self._urgent_retries = self._urgent_retries % URGENT_RETRIES_IN_A_ROW + 1 if is_retry else 0
        return chunk

    def _urgent_retry(self, alerts: Load) -> Chunk | None:
        if not alerts.has_room_for_retries:
            return None
        return self._retries(urgent=True) or self._welcomes()

    def _read_normal(self, normal: Load) -> Chunk | None:
        if normal.has_room_for_batch and (chunk := self._batch(urgent=False)) is not None:
            return chunk
        return self._retries(urgent=False) if normal.has_room_for_retries else None

    def forget(self, lease: Lease) -> None:
        """Another worker has the batch, or will have it when the lease ends."""
        lease.lost = lease.ended = True
        self._read_no_more_of(lease)
        self._batches.released(lease.batch.pk)

    def _batch(self, *, urgent: bool) -> Chunk | None:
        lease = self._leases.get(urgent) or self._claim(urgent=urgent)
        if lease is None:
            return None
        try:
            chunk = lease.read(self._clock())
        except DatabaseError:
            raise
        except Exception as error:
            # It would fail again, and again: others first.
            self._read_no_more_of(lease)
            lease.fail(self._clock())
            raise BatchFailed(lease) from error
        if lease.ended:
            del self._leases[urgent]
        if urgent and (preempted := self._leases.pop(False, None)) is not None:
            # No normal batch waits because this worker has an alert to send.
            preempted.end()
        return chunk

    def _claim(self, *, urgent: bool) -> Lease | None:
        batch = self._batches.take(self._worker, self._clock(), urgent=urgent)
        if batch is None:
            return None
        CLAIMED.inc()
        self._leases[urgent] = lease_of(batch, self._worker, self._batches)
        return self._leases[urgent]

    def _read_no_more_of(self, lease: Lease) -> None:
        self._leases = {urgent: held for urgent, held in self._leases.items() if held is not lease}

    def _retries(self, *, urgent: bool) -> Chunk | None:
        now = self._clock()
        retries = claim_retries(now, urgent=urgent)
        if retries is None:
            return None
        if stopped([retries.broadcast], now):
            retries.drop()
        return retries.read(now)

    def _welcomes(self) -> Chunk | None:
        welcomes = claim_welcomes(self._clock())
        return welcomes.read(self._clock()) if welcomes is not None else None
