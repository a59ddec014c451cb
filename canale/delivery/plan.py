# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plans the broadcasts of a revision: ranges of addresses, found by keyset queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Count, F, Max, Min

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


def plan_broadcasts(revision: Revision, purpose: Purpose, now: datetime) -> None:
    """Plan one broadcast for each outlet that is on, with its batches or its copy. Inside the
    caller's transaction.

    ``now`` is by this machine's clock; workers count by the database's.
    """
    now = by_the_databases_clock(now)
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
        batches = _batches(broadcast)
        while some := list(islice(batches, ROWS_AT_ONCE)):
            Batch.objects.bulk_create(some)
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


def _batches(broadcast: Broadcast) -> Iterator[Batch]:
    """Yield batches that cover the broadcast's addresses, and count these as planned.

    Each is found and counted by one query of the index ``address_ranges``; neither the database
    nor this process holds more than one.
    """
    channel, kind = broadcast.post.channel_id, broadcast.address_kind
    addresses = Address.objects.filter(channel=channel, kind=kind)
    last, found = 0, BATCH_ADDRESSES
    while found == BATCH_ADDRESSES:
        following = addresses.filter(pk__gt=last).order_by("pk")[:BATCH_ADDRESSES]
        counted = following.aggregate(first=Min("pk"), last=Max("pk"), addresses=Count("pk"))
        first, last, found = counted["first"], counted["last"], counted["addresses"]
        if found:
            broadcast.planned += found
            yield Batch(
                broadcast=broadcast,
                urgent=broadcast.urgent,
                first_address=first,
                last_address=last,
                cursor=first - 1,
            )


def notify_workers() -> None:
    """Tell the workers, after the commit, that there is something to send.

    A hint that is lost costs a second: workers also poll.
    """
    transaction.on_commit(lambda: process_bus().publish(SUBJECT))
