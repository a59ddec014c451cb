# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Messages that are sent outside a batch: retries, and welcomes to new addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from canale.delivery.backoff import next_attempt
from canale.delivery.chunk import Chunk, Lease, Results, languages, recipient_of
from canale.delivery.clock import SLOW_SECONDS
from canale.delivery.models import Broadcast, PendingMessage, lock_in_order
from canale.delivery.plan import notify_workers
from canale.delivery.recording import count, delete_gone_addresses
from canale.delivery.transports.base import Outcome
from canale.delivery.transports.registry import for_address_kind, get_fan_out
from canale.delivery.unresolvable import expire_unresolvable
from canale.delivery.window import RETRY_CHUNK

# Longer than two rounds of a service's time-outs.
PENDING_LEASE = timedelta(seconds=90)
WELCOME_ATTEMPTS = 5
# A welcome is due at once, also for a worker whose clock is a little behind the database's.
DUE = timedelta(seconds=SLOW_SECONDS)


def plan_welcomes(address_ids: Sequence[int]) -> None:
    """Plan the first message to new addresses, inside the transaction that keeps them."""
    if not address_ids:
        return
    # By the workers' clock, which is the database's and not this machine's.
    PendingMessage.objects.bulk_create(
        [
            # Urgent: a citizen is looking at the phone and waits for it.
            PendingMessage(address_id=pk, urgent=True, attempts=0, not_before=Now() - DUE)
            for pk in address_ids
        ],
        ignore_conflicts=True,
    )
    notify_workers()


@transaction.atomic
def claim_pending(now: datetime, *, urgent: bool) -> PendingLease | None:
    """Claim due retries of one broadcast, or welcomes to one channel's addresses of one kind."""
    due = PendingMessage.objects.filter(urgent=urgent, not_before__lte=now)
    due = due.order_by("not_before", "pk")
    first = due.select_related("address").first()
    if first is None:
        return None
    alike = due.filter(broadcast=first.broadcast_id)
    if first.broadcast_id is None:
        address = first.address
        alike = alike.filter(address__channel=address.channel_id, address__kind=address.kind)
    # Rows that another worker is claiming are left to it.
    free = alike.select_for_update(skip_locked=True, of=("self",))
    ids = list(free.values_list("pk", flat=True)[:RETRY_CHUNK])
    claimed = PendingMessage.objects.filter(pk__in=ids)
    claimed.update(not_before=now + PENDING_LEASE, attempts=F("attempts") + 1)
    related = ("address__follower", "broadcast__post__channel", "broadcast__revision")
    rows = list(claimed.select_related(*related))
    return PendingLease(rows, rows[0].broadcast) if rows else None


@dataclass(slots=True, eq=False)
class PendingLease(Lease):
    """Due rows of one broadcast, or one channel's welcomes, deferred while they are sent."""

    rows: list[PendingMessage]
    broadcast: Broadcast | None
    """None: the rows are welcomes."""
    transport: str = field(init=False)
    urgent: bool = field(init=False)
    pending = True

    def __post_init__(self) -> None:
        if self.broadcast is not None:
            self.transport, self.urgent = self.broadcast.transport, self.broadcast.urgent
        else:
            kind = self.rows[0].address.kind
            self.transport, self.urgent = for_address_kind(kind).name, True

    def read(self, now: datetime) -> Chunk:
        recipients = [recipient_of(row.address) for row in self.rows]
        needed, transport = languages(recipients), get_fan_out(self.transport)
        if self.broadcast is not None:
            content = self.broadcast.content(now)
            messages = {language: transport.render(content, language) for language in needed}
        else:
            channel = self.rows[0].address.channel
            messages = {each: transport.render_welcome(channel, each, now) for each in needed}
        return Chunk(self, recipients, messages)

    @transaction.atomic
    def drop(self) -> None:
        """Delete the rows, and count them: their broadcast was stopped, or has expired."""
        locked = lock_in_order(PendingMessage.objects.filter(pk__in=[row.pk for row in self.rows]))
        dropped = PendingMessage.objects.filter(pk__in=locked).delete()[0]
        if self.broadcast is not None:
            planned = Broadcast.objects.filter(pk=self.broadcast.pk)
            if not planned.exclude(stopped_at=None).update(skipped=F("skipped") + dropped):
                planned.update(expired=F("expired") + dropped)
        self.rows = []

    def record(self, chunk: Chunk, now: datetime) -> None:
        self.record_results(chunk.results, now, chunk.in_time)

    @transaction.atomic
    def record_results(self, results: Results, now: datetime, in_time: int = 0) -> None:
        """Delete the rows whose result is final, and defer the rest."""
        results = expire_unresolvable(results, now)
        # A withdrawal deletes and counts rows: those that still exist, locked, by address.
        read = PendingMessage.objects.filter(pk__in=[row.pk for row in self.rows])
        existing = set(lock_in_order(read))
        rows = {row.address_id: row for row in self.rows if row.pk in existing}
        deferred, final = [], []
        for sent, result in results:
            row = rows.get(sent.address_id)
            if row is None:
                continue
            if result.outcome is Outcome.RETRY:
                attempts = row.attempts - (not result.tried)
                due = now + timedelta(seconds=next_attempt(attempts, result))
                if self.broadcast is None:
                    may_retry = attempts < WELCOME_ATTEMPTS
                else:
                    may_retry = due < self.broadcast.expires_at
                if may_retry:
                    # The row in memory stays as it was read: after an error of the database
                    # everything is recorded again.
                    deferred.append(PendingMessage(pk=row.pk, attempts=attempts, not_before=due))
                    continue
            final.append((sent, result))
        PendingMessage.objects.bulk_update(deferred, ["attempts", "not_before"])
        ended = [rows[sent.address_id].pk for sent, _ in final]
        PendingMessage.objects.filter(pk__in=ended).delete()
        delete_gone_addresses(final)
        if self.broadcast is not None:
            expired = sum(result.outcome is Outcome.RETRY for _, result in final)
            count(self.broadcast, final, expired=expired, in_time=in_time)


def record_late(lease: Lease, results: Results, now: datetime, in_time: int) -> None:
    """Record answers that came after their messages were planned to be sent again."""
    addresses = [sent.address_id for sent, _ in results]
    rows = list(PendingMessage.objects.filter(broadcast=lease.broadcast, address_id__in=addresses))
    if rows:
        PendingLease(rows, lease.broadcast).record_results(results, now, in_time)
