# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is sent outside a batch: retries, and the welcomes of new addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from canale.delivery.backoff import next_attempt
from canale.delivery.chunk import Parcel, Results, count, parcel
from canale.delivery.missing import judged
from canale.delivery.models import Broadcast, Retry, Welcome
from canale.delivery.queue import REPEAT_LEASE
from canale.delivery.reasons import keep_reasons, reason_of
from canale.delivery.transports.base import Message, Outcome
from canale.delivery.window import REPEAT_CHUNK
from canale.followers.addresses import delete_gone

WELCOME_ATTEMPTS = 5


@dataclass(slots=True, eq=False)
class RetryChunk:
    """Due retries of one broadcast."""

    rows: list[Retry]
    parcels: list[Parcel]
    messages: dict[str, Message]
    broadcast: Broadcast

    @property
    def transport(self) -> str:
        return self.broadcast.transport

    @property
    def urgent(self) -> bool:
        return self.broadcast.urgent


@dataclass(slots=True, eq=False)
class WelcomeChunk:
    """Welcomes to new addresses of one channel and kind."""

    rows: list[Welcome]
    parcels: list[Parcel]
    messages: dict[str, Message]
    transport: str
    # A citizen stands before the phone and waits for it.
    urgent: bool = True
    broadcast: None = None


@transaction.atomic
def claim_retries(now: datetime, *, urgent: bool) -> list[Retry]:
    """Due retries of one broadcast, put off for the length of a lease while they are sent."""
    due = Retry.objects.filter(urgent=urgent, not_before__lte=now).order_by("not_before", "pk")
    first = due.first()
    if first is None:
        return []
    rows = due.filter(broadcast_id=first.broadcast_id).select_for_update(skip_locked=True)
    ids = list(rows.values_list("pk", flat=True)[:REPEAT_CHUNK])
    Retry.objects.filter(pk__in=ids).update(
        not_before=now + REPEAT_LEASE, attempts=F("attempts") + 1
    )
    claimed = Retry.objects.filter(pk__in=ids)
    return list(
        claimed.select_related(
            "address__follower", "broadcast__post__channel", "broadcast__revision"
        )
    )


def parcels(rows: Sequence[Retry] | Sequence[Welcome]) -> list[Parcel]:
    return [parcel(row.address) for row in rows]


@transaction.atomic
def record_retries(
    broadcast: Broadcast, rows: Sequence[Retry], results: Results, now: datetime, in_time: int = 0
) -> None:
    """Count what is settled, put off the rest, give up what comes too late."""
    results = judged(results, now)
    # A withdrawal deletes rows, and counts what it deleted.
    there = set(Retry.hold(Retry.objects.filter(pk__in=[row.pk for row in rows])))
    by_address = {row.address_id: row for row in rows if row.pk in there}
    put_off, settled, gone = [], [], []
    counted: Counter[Outcome] = Counter()
    rejected: Counter[str] = Counter()
    expired = 0
    for sent, result in results:
        row = by_address.get(sent.address_id)
        if row is None:
            continue
        if result.outcome is Outcome.LATER:
            attempts = row.attempts - (not result.tried)
            due = now + timedelta(seconds=next_attempt(attempts, result))
            if due < broadcast.expires_at:
                # The row stays as it was read: when the database fails, all is recorded again.
                put_off.append(Retry(pk=row.pk, attempts=attempts, not_before=due))
                continue
            expired += 1
        settled.append(row.pk)
        counted[result.outcome] += 1
        if result.outcome is Outcome.GONE:
            gone.append(sent.address_id)
        elif result.outcome is Outcome.REJECTED:
            rejected[reason_of(result)] += 1
    Retry.objects.bulk_update(put_off, ["attempts", "not_before"])
    Retry.objects.filter(pk__in=settled).delete()
    if gone:
        delete_gone(gone)
    count(broadcast, counted, expired=expired, in_time=in_time)
    keep_reasons(broadcast, rejected)


def record_late(broadcast: Broadcast, results: Results, now: datetime, in_time: int = 0) -> None:
    """What came at last of messages for which a retry stood in."""
    addresses = [sent.address_id for sent, _ in results]
    rows = Retry.objects.filter(broadcast=broadcast, address_id__in=addresses)
    record_retries(broadcast, list(rows), results, now, in_time)


@transaction.atomic
def drop_retries(broadcast: Broadcast, rows: Sequence[Retry]) -> None:
    """The broadcast was stopped, and its retries are skipped, or its time is over."""
    there = Retry.hold(Retry.objects.filter(pk__in=[row.pk for row in rows]))
    dropped = Retry.objects.filter(pk__in=there).delete()[0]
    planned = Broadcast.objects.filter(pk=broadcast.pk)
    if not planned.exclude(stopped_at=None).update(skipped=F("skipped") + dropped):
        planned.update(expired=F("expired") + dropped)


@transaction.atomic
def claim_welcomes(now: datetime) -> list[Welcome]:
    """Due welcomes of one channel and kind of address."""
    due = Welcome.objects.filter(not_before__lte=now).order_by("not_before", "pk")
    first = due.select_related("address").first()
    if first is None:
        return []
    alike = due.filter(address__channel=first.address.channel_id, address__kind=first.address.kind)
    rows = alike.select_for_update(skip_locked=True, of=("self",))
    ids = list(rows.values_list("pk", flat=True)[:REPEAT_CHUNK])
    Welcome.objects.filter(pk__in=ids).update(
        not_before=now + REPEAT_LEASE, attempts=F("attempts") + 1
    )
    claimed = Welcome.objects.filter(pk__in=ids)
    return list(claimed.select_related("address__follower__channel"))


@transaction.atomic
def record_welcomes(rows: Iterable[Welcome], results: Results, now: datetime) -> None:
    by_address = {row.address_id: row for row in rows}
    results = judged(results, now)
    for sent, result in results:
        row = by_address.get(sent.address_id)
        if row is None:
            continue
        if result.outcome is Outcome.GONE:
            delete_gone([sent.address_id])
        elif result.outcome is Outcome.LATER and (
            (attempts := row.attempts - (not result.tried)) < WELCOME_ATTEMPTS
        ):
            pause = timedelta(seconds=next_attempt(attempts, result))
            Welcome.objects.filter(pk=row.pk).update(attempts=attempts, not_before=now + pause)
        else:
            Welcome.objects.filter(pk=row.pk).delete()


def record_late_welcomes(results: Results, now: datetime) -> None:
    """What came at last of welcomes that were put off without an answer."""
    addresses = [sent.address_id for sent, _ in results]
    record_welcomes(Welcome.objects.filter(address_id__in=addresses), results, now)
