# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads the next addresses of a batch, and records what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from canale.delivery.backoff import next_attempt
from canale.delivery.models import Batch, Broadcast, Retry
from canale.delivery.queue import LEASE
from canale.delivery.transports.base import Outcome, Result
from canale.followers.addresses import delete_gone, in_range, wanting
from canale.followers.models import Address
from canale.followers.vault import VaultError, open_sealed

CHUNK_ADDRESSES = 500


class ClaimLost(Exception):  # noqa: N818
    """Another worker took the batch over; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One address to send to, opened; ``opened`` is None when the vault could not."""

    address_id: int
    language: str
    opened: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next part of a batch: who is to be sent to, and up to which address that goes."""

    parcels: list[Parcel]
    end: int
    seen: int
    """Addresses in the range, those that did not want the post included."""
    last: bool


def read_chunk(batch: Batch) -> Chunk:
    broadcast = batch.broadcast
    channel_id = broadcast.post.channel_id
    rows = in_range(channel_id, broadcast.address_kind, batch.cursor, batch.last_address)
    ids = list(rows.values_list("pk", flat=True)[:CHUNK_ADDRESSES])
    if not ids:
        return Chunk([], batch.last_address, 0, last=True)
    topics = list(broadcast.post.topics.values_list("pk", flat=True))
    wanted = wanting(rows.filter(pk__lte=ids[-1]), topics, urgent=broadcast.urgent)
    last = len(ids) < CHUNK_ADDRESSES or ids[-1] == batch.last_address
    end = batch.last_address if last else ids[-1]
    return Chunk([parcel(address) for address in wanted], end, len(ids), last)


def parcel(address: Address) -> Parcel:
    try:
        opened = open_sealed(bytes(address.sealed), address.kind, address.channel_id)
    except VaultError:
        opened = None
    return Parcel(address.pk, address.follower.language, opened)


def sendable(broadcast: Broadcast, now: datetime) -> bool:
    """Re-read just before sending: a newer wording stops it, and so does its end."""
    stopped = Broadcast.objects.filter(pk=broadcast.pk, stopped_at=None).exists()
    return stopped and now < broadcast.expires_at


@transaction.atomic
def record_chunk(
    batch: Batch,
    worker: str,
    chunk: Chunk,
    results: Sequence[tuple[Parcel, Result]],
    now: datetime,
) -> None:
    """Move the cursor, count, delete dead addresses, keep retries: all or nothing.

    Raises ClaimLost.
    """
    mine = Batch.objects.filter(
        pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker, cursor=batch.cursor
    )
    state = Batch.State.DONE if chunk.last else Batch.State.CLAIMED
    if not mine.update(cursor=chunk.end, state=state, claimed_until=now + LEASE):
        raise ClaimLost
    record_results(batch.broadcast, results, now)
    unwanted = chunk.seen - len(results)
    Broadcast.objects.filter(pk=batch.broadcast_id).update(skipped=F("skipped") + unwanted)
    batch.cursor = chunk.end


@transaction.atomic
def skip_rest(batch: Batch, worker: str) -> None:
    """A batch that is not to be sent any more: what it had left counts as skipped."""
    mine = Batch.objects.filter(pk=batch.pk, claimed_by=worker, cursor=batch.cursor)
    if not mine.update(cursor=batch.last_address, state=Batch.State.DONE):
        raise ClaimLost
    broadcast = batch.broadcast
    channel_id = broadcast.post.channel_id
    left = in_range(channel_id, broadcast.address_kind, batch.cursor, batch.last_address).count()
    Broadcast.objects.filter(pk=broadcast.pk).update(skipped=F("skipped") + left)


def record_results(
    broadcast: Broadcast, results: Sequence[tuple[Parcel, Result]], now: datetime
) -> None:
    """Count outcomes, delete the dead, plan retries. Inside the caller's transaction."""
    retries, expired = _retries(broadcast, results, now)
    Retry.objects.bulk_create(retries, ignore_conflicts=True)
    gone = [parcel.address_id for parcel, result in results if result.outcome is Outcome.GONE]
    if gone:
        delete_gone(gone)
    counted = Counter(result.outcome for _, result in results)
    Broadcast.objects.filter(pk=broadcast.pk).update(
        accepted=F("accepted") + counted[Outcome.ACCEPTED],
        gone=F("gone") + counted[Outcome.GONE],
        rejected=F("rejected") + counted[Outcome.REJECTED],
        expired=F("expired") + expired,
    )


def _retries(
    broadcast: Broadcast, results: Sequence[tuple[Parcel, Result]], now: datetime
) -> tuple[list[Retry], int]:
    """Rows for what the far end could not take yet, and how many are too late for one."""
    later = [(parcel, result) for parcel, result in results if result.outcome is Outcome.LATER]
    # An address may have been deleted while we sent to it.
    there = set(
        Address.objects.filter(pk__in=[parcel.address_id for parcel, _ in later]).values_list(
            "pk", flat=True
        )
    )
    due = [
        (parcel, now + timedelta(seconds=next_attempt(1, result.retry_after)))
        for parcel, result in later
        if parcel.address_id in there
    ]
    rows = [
        Retry(
            broadcast=broadcast,
            address_id=parcel.address_id,
            urgent=broadcast.urgent,
            not_before=moment,
        )
        for parcel, moment in due
        if moment < broadcast.expires_at
    ]
    return rows, len(later) - len(rows)
