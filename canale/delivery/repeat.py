# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is sent outside a batch: retries, and the welcomes of new addresses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from canale.delivery.backoff import next_attempt
from canale.delivery.chunk import Parcel, parcel
from canale.delivery.models import Broadcast, Retry, Welcome
from canale.delivery.queue import LEASE
from canale.delivery.transports.base import Outcome, Result
from canale.followers.addresses import delete_gone

CHUNK = 200
WELCOME_ATTEMPTS = 5


@transaction.atomic
def claim_retries(now: datetime, *, urgent: bool) -> list[Retry]:
    """Due retries of one broadcast, put off for the length of a lease while they are sent."""
    due = Retry.objects.filter(urgent=urgent, not_before__lte=now).order_by("not_before", "pk")
    first = due.first()
    if first is None:
        return []
    rows = due.filter(broadcast_id=first.broadcast_id).select_for_update(skip_locked=True)
    ids = list(rows.values_list("pk", flat=True)[:CHUNK])
    Retry.objects.filter(pk__in=ids).update(not_before=now + LEASE, attempts=F("attempts") + 1)
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
    broadcast: Broadcast,
    rows: Sequence[Retry],
    results: Sequence[tuple[Parcel, Result]],
    now: datetime,
) -> None:
    """Count what is settled, put off the rest, give up what comes too late."""
    by_address = {row.address_id: row for row in rows}
    settled, expired = [], 0
    counted = dict.fromkeys(Outcome, 0)
    gone = []
    for sent, result in results:
        row = by_address[sent.address_id]
        if result.outcome is Outcome.LATER:
            moment = now + timedelta(seconds=next_attempt(row.attempts, result.retry_after))
            if moment < broadcast.expires_at:
                Retry.objects.filter(pk=row.pk).update(not_before=moment)
                continue
            expired += 1
        settled.append(row.pk)
        counted[result.outcome] += 1
        if result.outcome is Outcome.GONE:
            gone.append(sent.address_id)
    removed = set(Retry.objects.filter(pk__in=settled).values_list("pk", flat=True))
    Retry.objects.filter(pk__in=removed).delete()
    if gone:
        delete_gone(gone)
    Broadcast.objects.filter(pk=broadcast.pk).update(
        accepted=F("accepted") + counted[Outcome.ACCEPTED],
        gone=F("gone") + counted[Outcome.GONE],
        rejected=F("rejected") + counted[Outcome.REJECTED],
        expired=F("expired") + expired,
    )


@transaction.atomic
def drop_retries(broadcast: Broadcast, rows: Sequence[Retry]) -> None:
    """The broadcast was stopped, and its retries are skipped, or its time is over."""
    dropped = Retry.objects.filter(pk__in=[row.pk for row in rows]).delete()[0]
    planned = Broadcast.objects.filter(pk=broadcast.pk)
    if not planned.exclude(stopped_at=None).update(skipped=F("skipped") + dropped):
        planned.update(expired=F("expired") + dropped)


@transaction.atomic
def claim_welcomes(now: datetime) -> list[Welcome]:
    due = Welcome.objects.filter(not_before__lte=now).order_by("not_before", "pk")
    ids = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:CHUNK])
    Welcome.objects.filter(pk__in=ids).update(not_before=now + LEASE, attempts=F("attempts") + 1)
    rows = Welcome.objects.filter(pk__in=ids)
    return list(rows.select_related("address__follower__channel"))


@transaction.atomic
def record_welcomes(
    rows: Sequence[Welcome], results: Sequence[tuple[Parcel, Result]], now: datetime
) -> None:
    by_address = {row.address_id: row for row in rows}
    for sent, result in results:
        row = by_address[sent.address_id]
        if result.outcome is Outcome.GONE:
            delete_gone([sent.address_id])
        elif result.outcome is Outcome.LATER and row.attempts < WELCOME_ATTEMPTS:
            pause = timedelta(seconds=next_attempt(row.attempts, result.retry_after))
            Welcome.objects.filter(pk=row.pk).update(not_before=now + pause)
        else:
            Welcome.objects.filter(pk=row.pk).delete()
