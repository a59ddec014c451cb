# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Workers' leases on batches: claimed by conditional update, so that any number of workers may try.

A lease reads its batch's next addresses, records what became of them, and gives the batch back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from canale.core.settings import settings
from canale.delivery.batch_source import BatchSource
from canale.delivery.chunk import Chunk, Lease, languages, opened
from canale.delivery.copies import OUTLET_LEASE, release_outlets
from canale.delivery.models import Batch, Broadcast, Copy, Outlet, PendingMessage
from canale.delivery.recording import record_results
from canale.delivery.transports.base import Recipient
from canale.delivery.transports.registry import get_fan_out
from canale.delivery.window import CHUNK_ADDRESSES
from canale.delivery.worker_slot import exited_worker
from canale.followers.addresses import first_in_range, in_range, wanted_by
from canale.metrics.definitions import BATCHES

logger = logging.getLogger(__name__)

# Renewed with every chunk, and no chunk stays open for more than four seconds unless
# the database is away. A batch waits this long when a whole machine is lost; that of a worker that
# is killed is released by its parent, or by the next worker in its slot (worker_slot.py).
BATCH_LEASE = timedelta(seconds=30)
ALERT_LEASE = timedelta(seconds=10)
# Attempts at a batch that fails for an unknown reason: seven and a half minutes.
MAX_FAILURES = 5

# A message contains its remaining time to live, so it is rendered again after this time.
RENDERED = timedelta(seconds=30)

FAILED = BATCHES.labels("failed")
FINISHED = BATCHES.labels("finished")


def _claimable(now: datetime) -> Q:
    return Q(state=Batch.State.WAITING) | Q(state=Batch.State.CLAIMED, claimed_until__lt=now)


def claim(worker: str, now: datetime, *, urgent: bool, batch_id: int | None = None) -> Batch | None:
    """Claim the oldest unfinished batch that is free, or ``batch_id`` if it is; else None."""
    free = Batch.objects.filter(_claimable(now), urgent=urgent).order_by("pk")
    if batch_id is not None:
        free = free.filter(pk=batch_id)
    # Several candidates: workers that start together do not all compete for the first.
    for free_id in free.values_list("pk", flat=True)[:8]:
        claimed = Batch.objects.filter(_claimable(now), pk=free_id).update(
            state=Batch.State.CLAIMED,
            claimed_by=worker,
            claimed_until=lease_end(now, urgent=urgent),
        )
        if claimed:
            rows = Batch.objects.select_related("broadcast__post__channel", "broadcast__revision")
            return rows.get(pk=free_id)
    return None


def lease_end(now: datetime, *, urgent: bool) -> datetime:
    """Return the end of a lease that is not renewed."""
    return now + (ALERT_LEASE if urgent else BATCH_LEASE)


class LeaseLostError(Exception):
    """Another worker took the batch over; nothing was recorded."""

    def __init__(self, lease: BatchLease) -> None:
        super().__init__(f"Batch {lease.batch.pk} was taken over by another worker")
        self.lease = lease


@dataclass(slots=True, eq=False)
class BatchLease(Lease):
    """A batch that a worker has claimed."""

    batch: Batch
    worker: str
    batches: BatchSource
    """The source of the batch."""
    read_to: int = field(init=False)
    """The last address that was read."""
    topics: list[int] = field(init=False)
    unrecorded: int = 0
    """Chunks that were read and are not recorded."""
    ended: bool = False
    """Nothing more is read: all was, or other workers may continue the batch."""
    lost: bool = False
    failed: bool = False
    """Reading it raised an unexpected error."""
    messages: dict[str, object] = field(default_factory=dict)
    rendered_at: datetime | None = None
    broadcast: Broadcast = field(init=False)
    transport: str = field(init=False)
    urgent: bool = field(init=False)

    def __post_init__(self) -> None:
        self.broadcast = self.batch.broadcast
        self.transport = self.broadcast.transport
        self.urgent = self.batch.urgent
        self.read_to = self.batch.cursor
        self.topics = list(self.broadcast.revision.topics.values_list("pk", flat=True))

    def log_fields(self) -> dict[str, int]:
        return {"batch": self.batch.pk, "post": self.broadcast.post_id}

    # Reading

    def read(self, now: datetime) -> Chunk:
        """Read the next CHUNK_ADDRESSES, or what is left of a stopped broadcast as skipped."""
        channel_id, kind = self.broadcast.post.channel_id, self.broadcast.address_kind
        end, recipients = self.batch.last_address, []
        if stopped([self.broadcast], now):
            seen = in_range(channel_id, kind, self.read_to, end).count()
        else:
            wanted = wanted_by(self.topics, urgent=self.urgent)
            rows = first_in_range(channel_id, kind, self.read_to, end, CHUNK_ADDRESSES)
            rows = rows.annotate(wanted=ExpressionWrapper(wanted, output_field=BooleanField()))
            columns = ("pk", "sealed", "follower__language", "missing_since", "wanted")
            read = list(rows.values_list(*columns))
            recipients = [
                Recipient(pk, language, opened(bytes(sealed), kind, channel_id), missing_since)
                for pk, sealed, language, missing_since, is_wanted in read
                if is_wanted
            ]
            seen = len(read)
            if seen == CHUNK_ADDRESSES:
                end = read[-1][0]
        messages = self._messages(languages(recipients), now)
        last = end == self.batch.last_address
        chunk = Chunk(self, recipients, messages, self.read_to, end, seen, last)
        self.read_to, self.ended = end, last
        self.unrecorded += 1
        return chunk

    def _messages(self, needed: set[str], now: datetime) -> dict[str, object]:
        """Render once for chunks that are read shortly after one another."""
        if self.rendered_at is None or now - self.rendered_at > RENDERED:
            self.messages, self.rendered_at = {}, now
        render, content = get_fan_out(self.transport).render, self.broadcast.content(now)
        for language in needed - self.messages.keys():
            self.messages[language] = render(content, language)
        return self.messages

    # Giving it back

    def end(self) -> None:
        """Read nothing more, and release the batch once what was read is recorded."""
        self.ended = True
        if not self.unrecorded:
            release(self.batch, self.worker)
            self.batches.released(self.batch.pk)

    def fail(self, now: datetime) -> None:
        """Count a failed reading, once what was read before it is recorded."""
        self.failed = self.ended = True
        if not self.unrecorded:
            count_failure(self.batch, self.worker, now)
            self.batches.released(self.batch.pk)

    # Recording

    @transaction.atomic
    def record(self, chunk: Chunk, now: datetime) -> None:
        """Move the cursor, count, delete dead addresses, keep retries: all or nothing."""
        if self.lost:
            return
        # The cursor tells this claim from a later one, and a chunk from the one after it.
        claimed = Batch.objects.filter(
            pk=self.batch.pk,
            state=Batch.State.CLAIMED,
            claimed_by=self.worker,
            cursor=chunk.after,
        )
        if not claimed.update(cursor=chunk.end, **self._state_after(chunk, now)):
            raise LeaseLostError(self)
        skipped = chunk.seen - len(chunk.results)
        record_results(self.broadcast, chunk.results, now, skipped=skipped, in_time=chunk.in_time)
        transaction.on_commit(lambda: self._recorded(chunk))

    def _state_after(self, chunk: Chunk, now: datetime) -> dict[str, Any]:
        """Return the batch's columns after this chunk is recorded."""
        if chunk.last:
            return {"state": Batch.State.DONE}
        if not self.ended or self.unrecorded > 1:
            return {"claimed_until": lease_end(now, urgent=self.urgent), "failures": 0}
        if self.failed:
            return failure_update(self.batch, 1, now)
        # Something more urgent took its place: any worker may continue.
        return {
            "state": Batch.State.WAITING,
            "claimed_by": "",
            "claimed_until": None,
            "failures": 0,
        }

    def _recorded(self, chunk: Chunk) -> None:
        self.batch.failures = 0
        self.unrecorded -= 1
        if chunk.last:
            FINISHED.inc()
            self.batches.finished(self.batch.pk)
        elif self.ended and not self.unrecorded:
            self.batches.released(self.batch.pk)


def stopped(broadcasts: Sequence[Broadcast], now: datetime) -> set[int]:
    """Return the ids of broadcasts that a newer revision, a withdrawal or their end has stopped."""
    ids = [broadcast.pk for broadcast in broadcasts]
    ended = Broadcast.objects.filter(pk__in=ids).exclude(stopped_at=None)
    over = {broadcast.pk for broadcast in broadcasts if now >= broadcast.expires_at}
    return over | set(ended.values_list("pk", flat=True))


def count_failure(batch: Batch, worker: str, now: datetime) -> None:
    """Count a failed reading of a batch of which nothing waits to be recorded."""
    mine = Batch.objects.filter(pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker)
    mine.update(**failure_update(batch, batch.failures + 1, now))


def failure_update(batch: Batch, failures: int, now: datetime) -> dict[str, Any]:
    """Return a batch's columns after a failure: a longer pause each time, until MAX_FAILURES."""
    if failures < MAX_FAILURES:
        pause = BATCH_LEASE * 2 ** (failures - 1)
        return {"failures": failures, "claimed_until": now + pause}
    transaction.on_commit(FAILED.inc)
    logger.error(
        "Batch %s failed %d times; giving up (see docs/metrics.md)",
        batch.pk,
        failures,
        extra={"batch": batch.pk, "post": batch.broadcast.post_id},
    )
    return {"failures": failures, "state": Batch.State.FAILED, "claimed_by": ""}


def release(batch: Batch, worker: str) -> None:
    """Let other workers take one batch."""
    mine = Batch.objects.filter(pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker)
    mine.update(state=Batch.State.WAITING, claimed_by="", claimed_until=None)


def release_worker(worker: str) -> int:
    """Let others take the batches of a worker that stopped or exited; return their number."""
    claimed = Batch.objects.filter(state=Batch.State.CLAIMED, claimed_by=worker)
    return claimed.update(state=Batch.State.WAITING, claimed_by="", claimed_until=None)


def release_exited_worker(pid: int) -> None:
    """Let others take the batches of a worker that ran in that process, before its leases end.

    Never raises; closes the thread's connection.
    """
    try:
        for worker in exited_worker(settings.data, pid):
            release_worker(worker)
            release_outlets(worker)
    except Exception:
        logger.exception("Batches of worker process %d not released; the next worker will", pid)
    finally:
        connection.close()


def clamp_deadlines(now: datetime) -> None:
    """Clamp deadlines that were set by a clock that was hours ahead.

    Limiters, which use the monotonic clock, still keep to what a far end asked for.
    """
    late = now + BATCH_LEASE
    PendingMessage.objects.filter(not_before__gt=late).update(not_before=late)
    Batch.objects.filter(claimed_until__gt=late).update(claimed_until=late)
    Copy.objects.filter(not_before__gt=late).update(not_before=late)
    outlet_lease = now + OUTLET_LEASE
    Outlet.objects.filter(claimed_until__gt=outlet_lease).update(claimed_until=outlet_lease)


def is_unfinished(batch_id: int) -> bool:
    return unfinished().filter(pk=batch_id).exists()


def unfinished_ids() -> set[int]:
    return set(unfinished().values_list("pk", flat=True))


def unfinished() -> QuerySet[Batch]:
    return Batch.objects.filter(state__in=[Batch.State.WAITING, Batch.State.CLAIMED])


class UnfinishedBatch(NamedTuple):
    """A batch for the broker to hand out."""

    pk: int
    urgent: bool
    transport: str


def waiting_from(batch_id: int) -> list[UnfinishedBatch]:
    """Return unfinished batches from that id on, alerts first."""
    rows = unfinished().filter(pk__gte=batch_id).order_by("-urgent", "pk")
    columns = rows.values_list("pk", "urgent", "broadcast__transport")
    return [UnfinishedBatch(*row) for row in columns]
