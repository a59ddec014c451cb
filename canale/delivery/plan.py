# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plans the broadcasts of a revision: ranges of addresses, found by keyset queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, QuerySet

from canale.channel.models import Kind, Revision
from canale.delivery.hints import wake_workers
from canale.delivery.models import Batch, Broadcast, Retry
from canale.delivery.transports.registry import TRANSPORTS, Entry
from canale.followers.models import Address

BATCH_ADDRESSES = 2_000

# How long a push service keeps a message for a phone that is off. An alert of yesterday
# frightens for nothing; a deadline is still worth knowing after a weekend.
TIME_TO_LIVE = {
    Kind.NEWS: timedelta(days=2),
    Kind.EVENT: timedelta(days=2),
    Kind.DEADLINE: timedelta(days=3),
    Kind.SERVICE: timedelta(days=1),
    Kind.ALERT: timedelta(hours=12),
}


def plan_broadcasts(
    revision: Revision, purpose: Broadcast.Purpose, now: datetime
) -> list[Broadcast]:
    """One broadcast per transport, with its batches, inside the caller's transaction."""
    silent = stop_broadcasts(revision.post_id, now)
    planned = [_plan(revision, purpose, entry, now, silent=silent) for entry in TRANSPORTS]
    wake_workers()
    return planned


def stop_broadcasts(post_id: int, now: datetime) -> bool:
    """What is still unsent of the post's older wordings is not sent any more.

    True when there was an older wording and it had already reached everybody.
    """
    older = list(Broadcast.objects.filter(post_id=post_id, stopped_at=None))
    unsent = Batch.objects.filter(broadcast__in=older).exclude(state=Batch.State.DONE).exists()
    waiting = 0
    for broadcast in older:
        broadcast.stopped_at = now
        broadcast.save(update_fields=["stopped_at"])
        dropped = Retry.objects.filter(broadcast=broadcast).delete()[0]
        Broadcast.objects.filter(pk=broadcast.pk).update(skipped=F("skipped") + dropped)
        waiting += dropped
    return bool(older) and not unsent and not waiting


def _plan(
    revision: Revision, purpose: Broadcast.Purpose, entry: Entry, now: datetime, *, silent: bool
) -> Broadcast:
    post = revision.post
    urgent = post.kind == Kind.ALERT
    broadcast = Broadcast.objects.create(
        post=post,
        revision=revision,
        transport=entry.name,
        address_kind=entry.address_kind,
        purpose=purpose,
        urgent=urgent,
        silent=silent and not urgent,
        created_at=now,
        expires_at=now + TIME_TO_LIVE[Kind(post.kind)],
    )
    addresses = Address.objects.filter(channel=post.channel, kind=entry.address_kind)
    batches = [
        Batch(
            broadcast=broadcast,
            urgent=urgent,
            first_address=first,
            last_address=last,
            cursor=first - 1,
        )
        for first, last in _ranges(addresses)
    ]
    Batch.objects.bulk_create(batches, batch_size=500)
    broadcast.planned = addresses.count()
    broadcast.save(update_fields=["planned"])
    return broadcast


def _ranges(addresses: QuerySet[Address]) -> Iterator[tuple[int, int]]:
    """First and last id of each run of at most BATCH_ADDRESSES; holds no more than one run."""
    after = 0
    while True:
        ids = addresses.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        first = ids.first()
        if first is None:
            return
        full = list(ids[BATCH_ADDRESSES - 1 : BATCH_ADDRESSES])
        last = full[0] if full else addresses.order_by("-pk").values_list("pk", flat=True)[0]
        yield first, last
        after = last
