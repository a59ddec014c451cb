# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records results: counts them, deletes gone addresses, plans retries."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from canale.delivery import slo
from canale.delivery.backoff import next_attempt
from canale.delivery.chunk import Results
from canale.delivery.models import Broadcast, PendingMessage
from canale.delivery.reasons import keep_reasons, reason_of
from canale.delivery.transports.base import Outcome
from canale.delivery.unresolvable import expire_unresolvable
from canale.followers.addresses import delete_gone
from canale.followers.models import Address


def record_results(
    broadcast: Broadcast, results: Results, now: datetime, *, skipped: int = 0, in_time: int = 0
) -> None:
    """Record first attempts, inside the caller's transaction."""
    results = expire_unresolvable(results, now)
    retries, expired = _retries(broadcast, results, now)
    if retries:
        PendingMessage.objects.bulk_create(retries, ignore_conflicts=True)
    delete_gone_addresses(results)
    count(broadcast, results, expired=expired, skipped=skipped, in_time=in_time)


def _retries(
    broadcast: Broadcast, results: Results, now: datetime
) -> tuple[list[PendingMessage], int]:
    """Return rows for messages to be sent again, and the number that would be sent too late."""
    later = [
        (recipient, result) for recipient, result in results if result.outcome is Outcome.RETRY
    ]
    if not later:
        return [], 0
    # An address may have been deleted while a message was sent to it.
    ids = [recipient.address_id for recipient, _ in later]
    existing = set(Address.objects.filter(pk__in=ids).values_list("pk", flat=True))
    due = [
        (recipient, result, now + timedelta(seconds=next_attempt(1, result)))
        for recipient, result in later
        if recipient.address_id in existing
    ]
    rows = [
        PendingMessage(
            broadcast=broadcast,
            address_id=recipient.address_id,
            urgent=broadcast.urgent,
            attempts=1 if result.tried else 0,
            not_before=moment,
        )
        for recipient, result, moment in due
        if moment < broadcast.expires_at
    ]
    return rows, len(later) - len(rows)


def delete_gone_addresses(results: Results) -> None:
    """Delete the addresses that no longer exist at the far end."""
    gone = [recipient.address_id for recipient, result in results if result.outcome is Outcome.GONE]
    if gone:
        delete_gone(gone)


def count(
    broadcast: Broadcast, results: Results, *, expired: int, skipped: int = 0, in_time: int
) -> None:
    """Add final results to the broadcast's counts, and after the commit to the metrics."""
    counted = Counter(result.outcome for _, result in results)
    accepted, rejected = counted[Outcome.ACCEPTED], counted[Outcome.REJECTED]
    # An accepted message whose row was deleted in the meantime is not counted.
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
    transaction.on_commit(lambda: slo.measure(broadcast, settled, in_time))
    if rejected:
        refused = (result for _, result in results if result.outcome is Outcome.REJECTED)
        keep_reasons(broadcast, Counter(map(reason_of, refused)))
