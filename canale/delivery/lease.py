# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A worker's lease on a batch: reads its next addresses, and records what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper

from canale.delivery.batch_source import BatchSource
from canale.delivery.chunk import Chunk, Results, Source, languages, opened
from canale.delivery.models import Batch, Broadcast
from canale.delivery.queue import after_failure, count_failure, lease_end, release
from canale.delivery.recording import record_results
from canale.delivery.retries import record_late
from canale.delivery.transports.base import Recipient
from canale.delivery.transports.registry import get_fan_out
from canale.delivery.window import CHUNK_ADDRESSES
from canale.followers.addresses import first_in_range, in_range, wanted_by
from canale.metrics.names import BATCHES

# A message says how long it may live: it is rendered again now and then.
RENDERED = timedelta(seconds=30)

FINISHED = BATCHES.labels("finished")


class LeaseLost(Exception):  # noqa: N818
    """Another worker took the batch over; nothing was recorded."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"Batch {lease.batch.pk} was taken over by another worker")
        self.lease = lease


@dataclass(slots=True, eq=False)
class Lease(Source):
    """A batch that a worker has claimed."""

    batch: Batch
    worker: str
    batches: BatchSource
    """Where the batch was taken from."""
    read_to: int
    """The last address that was read."""
    topics: list[int]
    unrecorded: int = 0
    """Chunks that were read and are not recorded."""
    ended: bool = False
    """Nothing more is read: all was, or other workers may go on with it."""
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

    def log_fields(self) -> dict[str, int]:
        return {"batch": self.batch.pk, "post": self.broadcast.post_id}

    # Reading

    def read(self, now: datetime) -> Chunk:
        """The next CHUNK_ADDRESSES, or all that is left of a stopped broadcast as skipped."""
        if stopped([self.broadcast], now):
            chunk = self._rest_as_skipped()
        else:
            chunk = self._next_addresses(now)
        self.read_to, self.ended = chunk.end, chunk.last
        self.unrecorded += 1
        return chunk

    def _rest_as_skipped(self) -> Chunk:
        channel_id, kind = self.broadcast.post.channel_id, self.broadcast.address_kind
        end = self.batch.last_address
        rest = in_range(channel_id, kind, self.read_to, end).count()
        return Chunk(self, [], {}, self.read_to, end, seen=rest)

    def _next_addresses(self, now: datetime) -> Chunk:
        channel_id, kind = self.broadcast.post.channel_id, self.broadcast.address_kind
        end = self.batch.last_address
        rows = first_in_range(channel_id, kind, self.read_to, end, CHUNK_ADDRESSES)
        wanted = ExpressionWrapper(
            wanted_by(self.topics, urgent=self.broadcast.urgent), output_field=BooleanField()
        )
        read = list(
            rows.annotate(wanted=wanted).values_list(
                "pk", "sealed", "follower__language", "missing_since", "wanted"
            )
        )
        recipients = [
            Recipient(pk, language, opened(bytes(sealed), kind, channel_id), missing_since)
            for pk, sealed, language, missing_since, is_wanted in read
            if is_wanted
        ]
        last = len(read) < CHUNK_ADDRESSES or read[-1][0] == end
        messages = self._messages(languages(recipients), now)
        end = end if last else read[-1][0]
        return Chunk(self, recipients, messages, self.read_to, end, len(read), last)

    def _messages(self, needed: set[str], now: datetime) -> dict[str, object]:
        """Rendered once for the chunks that are read shortly after one another."""
        if self.rendered_at is None or now - self.rendered_at > RENDERED:
            self.messages, self.rendered_at = {}, now
        render, content = get_fan_out(self.transport).render, self.broadcast.content(now)
        for language in needed - self.messages.keys():
            self.messages[language] = render(content, language)
        return self.messages

    # Giving it back

    def end(self) -> None:
        """Read nothing more, so that others may go on, once what was read is recorded."""
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

    def record(self, chunk: Chunk, now: datetime) -> None:
        if not self.lost:
            self._record(chunk, now)

    @transaction.atomic
    def _record(self, chunk: Chunk, now: datetime) -> None:
        """Move the cursor, count, delete dead addresses, keep retries: all or nothing."""
        # The cursor tells this claim from a later one, and a chunk from the one after it.
        claimed = Batch.objects.filter(
            pk=self.batch.pk,
            state=Batch.State.CLAIMED,
            claimed_by=self.worker,
            cursor=chunk.after,
        )
        if not claimed.update(cursor=chunk.end, **self._state_after(chunk, now)):
            raise LeaseLost(self)
        skipped = chunk.seen - len(chunk.results)
        record_results(self.broadcast, chunk.results, now, skipped=skipped, in_time=chunk.in_time)
        transaction.on_commit(lambda: self._recorded(chunk))

    def _state_after(self, chunk: Chunk, now: datetime) -> dict[str, Any]:
        """The batch's columns when its next chunk is recorded."""
        if chunk.last:
            return {"state": Batch.State.DONE}
        if not self.ended or self.unrecorded > 1:
            return {"claimed_until": lease_end(now, urgent=self.urgent), "failures": 0}
        if self.failed:
            return after_failure(self.batch, 1, now)
        # Something more urgent took its place: others, or this worker later, go on.
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

    def record_late(self, results: Results, now: datetime, in_time: int) -> None:
        record_late(self.broadcast, results, now, in_time)


def lease_of(batch: Batch, worker: str, batches: BatchSource) -> Lease:
    """The lease on a batch that this worker has just claimed."""
    topics = list(batch.broadcast.revision.topics.values_list("pk", flat=True))
    return Lease(batch, worker, batches, batch.cursor, topics)


def stopped(broadcasts: Sequence[Broadcast], now: datetime) -> set[int]:
    """Ids of those that are not sent any more: a newer revision or their end has stopped them."""
    ids = [broadcast.pk for broadcast in broadcasts]
    ended = Broadcast.objects.filter(pk__in=ids).exclude(stopped_at=None)
    over = {broadcast.pk for broadcast in broadcasts if now >= broadcast.expires_at}
    return over | set(ended.values_list("pk", flat=True))
