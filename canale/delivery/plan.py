# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plans the broadcasts of a revision: ranges of addresses, found by keyset queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, F, Max, Min, QuerySet

from canale.bus import process_bus
from canale.channel.models import Kind, Revision
from canale.delivery.clock import by_the_databases_clock
from canale.delivery.copies import plan_copies, supersede
from canale.delivery.models import Batch, Broadcast, PendingMessage, lock_in_order
from canale.delivery.transports.base import Purpose
from canale.delivery.transports.registry import FAN_OUTS
from canale.followers.models import Address

# The bus's subject.
SUBJECT = "work"
BATCH_ADDRESSES = 2_000
ROWS_AT_ONCE = 500

# How long a push service keeps a message for a phone that is off. An alert of yesterday
# frightens for nothing; a deadline is still worth knowing after a weekend.
TIME_TO_LIVE = {
    Kind.NEWS: timedelta(days=2),
    Kind.EVENT: timedelta(days=2),
    Kind.DEADLINE: timedelta(days=3),
    Kind.SERVICE: timedelta(days=1),
    Kind.ALERT: timedelta(hours=12),
}


class AddressRange(NamedTuple):
    """Consecutive addresses: the first and the last id, and the number of addresses."""

    first: int
    last: int
    addresses: int


def plan_broadcasts(revision: Revision, purpose: Purpose, now: datetime) -> None:
    """Plan one broadcast for each outlet that is on, with its batches or its copy. Inside the
    caller's transaction.

    ``now`` is by this machine's clock; workers count by the database's.
    """
    now, channel = by_the_databases_clock(now), revision.post.channel
    silent = stop_broadcasts(revision.post_id, now)
    urgent = revision.kind == Kind.ALERT
    expires_at = now + TIME_TO_LIVE[Kind(revision.kind)]
    for transport in FAN_OUTS:
        broadcast = Broadcast.objects.create(
            post=revision.post,
            revision=revision,
            transport=transport.name,
            address_kind=transport.address_kind,
            purpose=purpose,
            urgent=urgent,
            silent=silent and not urgent,
            created_at=now,
            accepted_in_time=0,
            expires_at=expires_at,
        )
        addresses = Address.objects.filter(channel=channel, kind=transport.address_kind)
        broadcast.planned = _plan_batches(broadcast, addresses)
        broadcast.save(update_fields=["planned"])
    plan_copies(revision, purpose, now, expires_at)
    notify_workers()


def stop_broadcasts(post_id: int, now: datetime) -> bool:
    """Stop what is still unsent of the post's older revisions.

    Return True if there was an older one and it had already reached everybody.
    """
    supersede(post_id)
    older = list(Broadcast.objects.filter(post_id=post_id, outlet=None, stopped_at=None))
    unsent = Batch.objects.filter(broadcast__in=older).exclude(state=Batch.State.DONE).exists()
    waiting = 0
    for broadcast in older:
        # First the retries, then the broadcast, as workers do: else each would wait for the other.
        # A retry that is stored in between is dropped by the worker that would send it.
        retries = PendingMessage.objects.filter(broadcast=broadcast)
        lock_in_order(retries)
        dropped = retries.delete()[0]
        broadcast.stopped_at = now
        broadcast.save(update_fields=["stopped_at"])
        Broadcast.objects.filter(pk=broadcast.pk).update(skipped=F("skipped") + dropped)
        waiting += dropped
    return bool(older) and not unsent and not waiting


def _plan_batches(broadcast: Broadcast, addresses: QuerySet[Address]) -> int:
    """Cover the addresses with batches; return the number of addresses."""
    planned = 0
    ranges = _ranges(addresses)
    while some := list(islice(ranges, ROWS_AT_ONCE)):
        Batch.objects.bulk_create(
            Batch(
                broadcast=broadcast,
                urgent=broadcast.urgent,
                first_address=part.first,
                last_address=part.last,
                cursor=part.first - 1,
            )
            for part in some
        )
        planned += sum(part.addresses for part in some)
    return planned


def _ranges(addresses: QuerySet[Address]) -> Iterator[AddressRange]:
    """Yield ranges of at most BATCH_ADDRESSES.

    Each is found and counted by one query of the index ``address_ranges``; neither the database
    nor this process holds more than one.
    """
    after = 0
    while True:
        following = addresses.filter(pk__gt=after).order_by("pk")[:BATCH_ADDRESSES]
        counted = following.aggregate(first=Min("pk"), last=Max("pk"), addresses=Count("pk"))
        if not counted["addresses"]:
            return
        part = AddressRange(**counted)
        yield part
        if part.addresses < BATCH_ADDRESSES:
            return
        after = part.last


def notify_workers() -> None:
    """Tell the workers, after the commit, that there is something to send.

    A hint that is lost costs a second: workers also poll.
    """
    transaction.on_commit(lambda: process_bus().publish(SUBJECT))
