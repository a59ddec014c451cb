# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads the next addresses of a batch, and records what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F

from canale.delivery import objective
from canale.delivery.backoff import next_attempt
from canale.delivery.missing import judged
from canale.delivery.models import Batch, Broadcast, Retry
from canale.delivery.queue import after_failure, lease_end
from canale.delivery.reasons import keep_reasons, reason_of
from canale.delivery.transports.base import Message, Outcome, Result
from canale.delivery.window import CHUNK_ADDRESSES
from canale.followers.addresses import delete_gone, first_in_range, in_range, wanted_by
from canale.followers.models import Address
from canale.followers.vault import VaultError, open_sealed
from canale.metrics.names import BATCHES

FINISHED = BATCHES.labels("finished")

Results = Sequence[tuple["Parcel", Result]]


class ClaimLost(Exception):  # noqa: N818
    """Another worker took the batch over; nothing was recorded."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"Batch {claim.batch.pk} was taken over by another worker")
        self.claim = claim


@dataclass(frozen=True, slots=True)
class Parcel:
    """One address to send to, opened; ``opened`` is None when the vault could not."""

    address_id: int
    language: str
    opened: Mapping[str, object] | None
    missing_since: datetime | None = None


@dataclass(slots=True, eq=False)
class Claim:
    """A batch in this worker's hands. ``batch.cursor`` is what is recorded."""

    batch: Batch
    read_to: int
    """The last address that was read."""
    topics: list[int]
    unrecorded: int = 0
    """Chunks that were read and are not recorded."""
    ended: bool = False
    """Nothing more is read: all was, or others may go on with it."""
    lost: bool = False
    failed: bool = False
    """Reading it went wrong in a way that nobody foresaw."""
    messages: dict[str, Message] = field(default_factory=dict)
    composed_at: datetime | None = None

    def advance(self, chunk: BatchChunk) -> None:
        """The chunk is on its way: reading goes on after it."""
        self.read_to, self.ended = chunk.end, chunk.last
        self.unrecorded += 1

    @property
    def given_up(self) -> bool:
        """Released with the last chunk that was recorded."""
        return self.ended and not self.unrecorded and self.batch.cursor < self.batch.last_address


def claimed(batch: Batch) -> Claim:
    topics = list(batch.broadcast.revision.topics.values_list("pk", flat=True))
    return Claim(batch, batch.cursor, topics)


@dataclass(slots=True, eq=False)
class BatchChunk:
    """The next part of a batch: who is to be sent to, and up to which address that goes."""

    claim: Claim
    parcels: list[Parcel]
    messages: dict[str, Message]
    end: int
    seen: int
    """Addresses in the range, those that did not want the post included."""
    last: bool

    @property
    def broadcast(self) -> Broadcast:
        return self.claim.batch.broadcast

    @property
    def transport(self) -> str:
        return self.broadcast.transport

    @property
    def urgent(self) -> bool:
        return self.claim.batch.urgent


def read_chunk(claim: Claim) -> BatchChunk:
    """The next CHUNK_ADDRESSES; the caller adds the messages, and advances the claim."""
    batch, broadcast = claim.batch, claim.batch.broadcast
    channel_id, kind = broadcast.post.channel_id, broadcast.address_kind
    rows = first_in_range(channel_id, kind, claim.read_to, batch.last_address, CHUNK_ADDRESSES)
    wanted = ExpressionWrapper(
        wanted_by(claim.topics, urgent=broadcast.urgent), output_field=BooleanField()
    )
    read = list(
        rows.annotate(wanted=wanted).values_list(
            "pk", "sealed", "follower__language", "missing_since", "wanted"
        )
    )
    parcels = [
        Parcel(pk, language, _opened(bytes(sealed), kind, channel_id), missing_since)
        for pk, sealed, language, missing_since, is_wanted in read
        if is_wanted
    ]
    last = len(read) < CHUNK_ADDRESSES or read[-1][0] == batch.last_address
    end = batch.last_address if last else read[-1][0]
    return BatchChunk(claim, parcels, {}, end, len(read), last)


def read_rest_as_stopped(claim: Claim) -> BatchChunk:
    """The rest of a batch that is not to be sent any more: all of it is skipped."""
    batch, broadcast = claim.batch, claim.batch.broadcast
    channel_id, kind = broadcast.post.channel_id, broadcast.address_kind
    left = in_range(channel_id, kind, claim.read_to, batch.last_address).count()
    return BatchChunk(claim, [], {}, batch.last_address, left, last=True)


def _opened(sealed: bytes, kind: str, channel_id: int) -> dict[str, object] | None:
    try:
        return open_sealed(sealed, kind, channel_id)
    except VaultError:
        return None


def parcel(address: Address) -> Parcel:
    opened = _opened(bytes(address.sealed), address.kind, address.channel_id)
    return Parcel(address.pk, address.follower.language, opened, address.missing_since)


def stopped(broadcasts: Sequence[Broadcast], now: datetime) -> set[int]:
    """Which of them are not sent any more: a newer wording stops one, and so does its end."""
    ids = [broadcast.pk for broadcast in broadcasts]
    ended = Broadcast.objects.filter(pk__in=ids).exclude(stopped_at=None)
    over = {broadcast.pk for broadcast in broadcasts if now >= broadcast.expires_at}
    return over | set(ended.values_list("pk", flat=True))


@transaction.atomic
def record_chunks(
    worker: str, chunks: Sequence[BatchChunk], results: Results, now: datetime, in_time: int = 0
) -> None:
    """Chunks of one batch that follow one another: move the cursor, count, delete dead addresses,
    keep retries, all or nothing; ``in_time`` of them met the objective. Raises ClaimLost."""
    last, claim = chunks[-1], chunks[0].claim
    batch = claim.batch
    mine = Batch.objects.filter(
        pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker, cursor=batch.cursor
    )
    if not mine.update(cursor=last.end, **_state_after(claim, last, len(chunks), now)):
        raise ClaimLost(claim)
    unwanted = sum(chunk.seen for chunk in chunks) - len(results)
    record_results(batch.broadcast, results, now, skipped=unwanted, in_time=in_time)
    transaction.on_commit(lambda: _advance(claim, last, len(chunks)))


def _state_after(claim: Claim, last: BatchChunk, chunks: int, now: datetime) -> dict[str, Any]:
    """What a batch is when so many of its chunks are recorded."""
    if last.last:
        return {"state": Batch.State.DONE}
    if not claim.ended or claim.unrecorded > chunks:
        return {"claimed_until": lease_end(now, urgent=last.urgent), "failures": 0}
    if claim.failed:
        return after_failure(claim.batch, 1, now)
    # Something more urgent took its place: others, or this worker later, go on.
    return {"state": Batch.State.WAITING, "claimed_by": "", "claimed_until": None, "failures": 0}


def _advance(claim: Claim, last: BatchChunk, chunks: int) -> None:
    claim.batch.cursor = last.end
    claim.batch.failures = 0
    claim.unrecorded -= chunks
    if last.last:
        FINISHED.inc()


def record_results(
    broadcast: Broadcast, results: Results, now: datetime, *, skipped: int = 0, in_time: int = 0
) -> None:
    """Count outcomes, delete the dead, plan retries. Inside the caller's transaction."""
    results = judged(results, now)
    retries, expired = _retries(broadcast, results, now)
    if retries:
        Retry.objects.bulk_create(retries, ignore_conflicts=True)
    gone = [parcel.address_id for parcel, result in results if result.outcome is Outcome.GONE]
    if gone:
        delete_gone(gone)
    counted = Counter(result.outcome for _, result in results)
    count(broadcast, counted, expired=expired, skipped=skipped, in_time=in_time)
    if counted[Outcome.REJECTED]:
        refused = (result for _, result in results if result.outcome is Outcome.REJECTED)
        keep_reasons(broadcast, Counter(map(reason_of, refused)))


def count(
    broadcast: Broadcast,
    counted: Counter[Outcome],
    *,
    expired: int = 0,
    skipped: int = 0,
    in_time: int = 0,
) -> None:
    """Add to what is known of a broadcast, and after the commit to the objective's figures."""
    accepted, rejected = counted[Outcome.ACCEPTED], counted[Outcome.REJECTED]
    # Of a row that was taken away meanwhile, nothing counts.
    in_time = min(in_time, accepted)
    Broadcast.objects.filter(pk=broadcast.pk).update(
        accepted=F("accepted") + accepted,
        accepted_in_time=F("accepted_in_time") + in_time,
        gone=F("gone") + counted[Outcome.GONE],
        rejected=F("rejected") + rejected,
        expired=F("expired") + expired,
        skipped=F("skipped") + skipped,
    )
    settled = accepted + rejected + expired
    transaction.on_commit(lambda: objective.measure(broadcast, settled, in_time))


def _retries(broadcast: Broadcast, results: Results, now: datetime) -> tuple[list[Retry], int]:
    """Rows for what the far end could not take yet, and how many are too late for one."""
    later = [(parcel, result) for parcel, result in results if result.outcome is Outcome.LATER]
    if not later:
        return [], 0
    # An address may have been deleted while we sent to it.
    there = set(
        Address.objects.filter(pk__in=[parcel.address_id for parcel, _ in later]).values_list(
            "pk", flat=True
        )
    )
    due = [
        (parcel, result, now + timedelta(seconds=next_attempt(1, result)))
        for parcel, result in later
        if parcel.address_id in there
    ]
    rows = [
        Retry(
            broadcast=broadcast,
            address_id=parcel.address_id,
            urgent=broadcast.urgent,
            attempts=1 if result.tried else 0,
            not_before=moment,
        )
        for parcel, result, moment in due
        if moment < broadcast.expires_at
    ]
    return rows, len(later) - len(rows)
