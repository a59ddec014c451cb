# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Messages that are sent outside a batch: retries, and welcomes to new addresses."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.db import transaction
from django.db.models import F, QuerySet

from canale.channel.models import Channel
from canale.delivery.backoff import next_attempt
from canale.delivery.chunk import Chunk, Results, Source, languages, recipient_of
from canale.delivery.missing import judged
from canale.delivery.models import Broadcast, Retry, Welcome
from canale.delivery.queue import RETRY_LEASE, lock_in_order
from canale.delivery.recording import count, delete_dead
from canale.delivery.transports.base import Outcome
from canale.delivery.transports.registry import for_address_kind, get_fan_out
from canale.delivery.window import RETRY_CHUNK

WELCOME_ATTEMPTS = 5

Row = TypeVar("Row", Retry, Welcome)


class PendingMessages(Source, Generic[Row]):
    """Rows of one table that were due, put off for the length of a lease while they are sent."""

    pending = True
    table: type[Row]
    rows: list[Row]

    def read(self, now: datetime) -> Chunk:
        recipients = [recipient_of(row.address) for row in self.rows]
        messages = {language: self._render(language, now) for language in languages(recipients)}
        return Chunk(self, recipients, messages)

    @abstractmethod
    def _render(self, language: str, now: datetime) -> object:
        """The rendition for followers who read that language."""

    def record(self, chunk: Chunk, now: datetime) -> None:
        self.record_results(chunk.results, now, chunk.in_time)

    @transaction.atomic
    def record_results(self, results: Results, now: datetime, in_time: int = 0) -> None:
        """Delete the rows whose result is final, and put the rest off."""
        results = judged(results, now)
        rows = self._existing_rows()
        put_off, final = [], []
        for sent, result in results:
            row = rows.get(sent.address_id)
            if row is None:
                continue
            if result.outcome is Outcome.RETRY:
                attempts = row.attempts - (not result.tried)
                due = now + timedelta(seconds=next_attempt(attempts, result))
                if self._may_try_again(attempts, due):
                    # The row in memory stays as it was read: after an error of the database
                    # everything is recorded again.
                    put_off.append(self.table(pk=row.pk, attempts=attempts, not_before=due))
                    continue
            final.append((sent, result))
        self.table.objects.bulk_update(put_off, ["attempts", "not_before"])
        self.table.objects.filter(pk__in=[rows[sent.address_id].pk for sent, _ in final]).delete()
        delete_dead(final)
        self._count(final, in_time)

    def _existing_rows(self) -> dict[int, Row]:
        """By address, locked. A withdrawal deletes rows, and counts them itself."""
        existing = set(
            lock_in_order(self.table.objects.filter(pk__in=[row.pk for row in self.rows]))
        )
        return {row.address_id: row for row in self.rows if row.pk in existing}

    @abstractmethod
    def _may_try_again(self, attempts: int, due: datetime) -> bool:
        """False when the message is given up."""

    @abstractmethod
    def _count(self, results: Results, in_time: int) -> None:
        """Count final results; ``Outcome.RETRY`` among them was given up."""


@dataclass(slots=True, eq=False)
class Retries(PendingMessages[Retry]):
    """Retries of one broadcast."""

    rows: list[Retry]
    broadcast: Broadcast
    transport: str = field(init=False)
    urgent: bool = field(init=False)
    table = Retry

    def __post_init__(self) -> None:
        self.transport, self.urgent = self.broadcast.transport, self.broadcast.urgent

    def _render(self, language: str, now: datetime) -> object:
        return get_fan_out(self.transport).render(self.broadcast.content(now), language)

    def _may_try_again(self, attempts: int, due: datetime) -> bool:
        return due < self.broadcast.expires_at

    def _count(self, results: Results, in_time: int) -> None:
        expired = sum(result.outcome is Outcome.RETRY for _, result in results)
        count(self.broadcast, results, expired=expired, in_time=in_time)

    def record_late(self, results: Results, now: datetime, in_time: int) -> None:
        record_late(self.broadcast, results, now, in_time)

    @transaction.atomic
    def drop(self) -> None:
        """Delete the rows, and count them: their broadcast was stopped, or has expired."""
        locked = lock_in_order(Retry.objects.filter(pk__in=[row.pk for row in self.rows]))
        dropped = Retry.objects.filter(pk__in=locked).delete()[0]
        planned = Broadcast.objects.filter(pk=self.broadcast.pk)
        if not planned.exclude(stopped_at=None).update(skipped=F("skipped") + dropped):
            planned.update(expired=F("expired") + dropped)
        self.rows = []


@dataclass(slots=True, eq=False)
class Welcomes(PendingMessages[Welcome]):
    """Welcomes to new addresses of one channel and kind."""

    rows: list[Welcome]
    channel: Channel
    transport: str
    table = Welcome
    broadcast = None
    # A citizen is looking at the phone and waits for it.
    urgent = True

    def _render(self, language: str, now: datetime) -> object:
        return get_fan_out(self.transport).render_welcome(self.channel, language, now)

    def _may_try_again(self, attempts: int, due: datetime) -> bool:
        return attempts < WELCOME_ATTEMPTS

    def _count(self, results: Results, in_time: int) -> None:
        """Welcomes belong to no broadcast."""

    def record_late(self, results: Results, now: datetime, in_time: int) -> None:
        addresses = [sent.address_id for sent, _ in results]
        rows = list(Welcome.objects.filter(address_id__in=addresses))
        Welcomes(rows, self.channel, self.transport).record_results(results, now)


def record_late(broadcast: Broadcast, results: Results, now: datetime, in_time: int) -> None:
    """Record answers that came after a retry had been planned in their stead."""
    addresses = [sent.address_id for sent, _ in results]
    rows = Retry.objects.filter(broadcast=broadcast, address_id__in=addresses)
    Retries(list(rows), broadcast).record_results(results, now, in_time)


@transaction.atomic
def claim_retries(now: datetime, *, urgent: bool) -> Retries | None:
    """Due retries of one broadcast; None when there are none."""
    due = Retry.objects.filter(urgent=urgent, not_before__lte=now).order_by("not_before", "pk")
    first = due.first()
    if first is None:
        return None
    ids = _put_off(due.filter(broadcast_id=first.broadcast_id), now)
    rows = Retry.objects.filter(pk__in=ids).select_related(
        "address__follower", "broadcast__post__channel", "broadcast__revision"
    )
    claimed = list(rows)
    return Retries(claimed, claimed[0].broadcast) if claimed else None


@transaction.atomic
def claim_welcomes(now: datetime) -> Welcomes | None:
    """Due welcomes of one channel and kind of address; None when there are none."""
    due = Welcome.objects.filter(not_before__lte=now).order_by("not_before", "pk")
    first = due.select_related("address").first()
    if first is None:
        return None
    kind = first.address.kind
    ids = _put_off(due.filter(address__channel=first.address.channel_id, address__kind=kind), now)
    rows = Welcome.objects.filter(pk__in=ids).select_related("address__follower__channel")
    claimed = list(rows)
    if not claimed:
        return None
    channel = claimed[0].address.follower.channel
    return Welcomes(claimed, channel, for_address_kind(kind).name)


def _put_off(due: QuerySet[Row], now: datetime) -> list[int]:
    """Claim the first of these rows that no other worker is claiming; their ids."""
    free = due.select_for_update(skip_locked=True, of=("self",))
    ids = list(free.values_list("pk", flat=True)[:RETRY_CHUNK])
    due.model.objects.filter(pk__in=ids).update(
        not_before=now + RETRY_LEASE, attempts=F("attempts") + 1
    )
    return ids
