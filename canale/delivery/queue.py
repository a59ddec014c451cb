# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who works on what: claims by conditional update, so that any number of workers may try."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from canale.core.settings import settings
from canale.delivery.models import Batch, Retry, Welcome
from canale.delivery.worker_slot import exited_worker
from canale.metrics.names import BATCHES

logger = logging.getLogger(__name__)

# Of a batch: renewed with every chunk, and no chunk stays open for more than four seconds unless
# the database is away. A batch waits this long when a whole machine is lost; that of a worker that
# is killed is released by its parent, or by the next worker in its slot (worker_slot.py).
BATCH_LEASE = timedelta(seconds=30)
ALERT_LEASE = timedelta(seconds=10)
# For a retry or a welcome: longer than two rounds of its service's time-outs.
RETRY_LEASE = timedelta(seconds=90)
# Tries of a batch that fails for a reason that nobody foresaw: seven and a half minutes.
MOST_FAILURES = 5

FAILED = BATCHES.labels("failed")


def _claimable(now: datetime) -> Q:
    return Q(state=Batch.State.WAITING) | Q(state=Batch.State.CLAIMED, claimed_until__lt=now)


def claim_next(worker: str, now: datetime, *, urgent: bool) -> Batch | None:
    """The oldest unfinished batch of a priority, now this worker's; None when there is none."""
    open_batches = Batch.objects.filter(_claimable(now), urgent=urgent)
    # Several candidates: workers that start at once do not all fight for the first.
    for batch_id in open_batches.order_by("pk").values_list("pk", flat=True)[:8]:
        batch = claim(batch_id, worker, now, urgent=urgent)
        if batch is not None:
            return batch
    return None


def claim(batch_id: int, worker: str, now: datetime, *, urgent: bool) -> Batch | None:
    """That batch of that priority, now this worker's; None when another has it, or it is done."""
    claimed = Batch.objects.filter(_claimable(now), pk=batch_id, urgent=urgent).update(
        state=Batch.State.CLAIMED, claimed_by=worker, claimed_until=lease_end(now, urgent=urgent)
    )
    if not claimed:
        return None
    rows = Batch.objects.select_related("broadcast__post__channel", "broadcast__revision")
    return rows.get(pk=batch_id)


def lease_end(now: datetime, *, urgent: bool) -> datetime:
    """Until when a batch of that priority is a worker's that says nothing more."""
    return now + (ALERT_LEASE if urgent else BATCH_LEASE)


def count_failure(batch: Batch, worker: str, now: datetime) -> None:
    """Reading it failed, and nothing of it waits to be recorded."""
    mine = Batch.objects.filter(pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker)
    mine.update(**after_failure(batch, batch.failures + 1, now))


def after_failure(batch: Batch, failures: int, now: datetime) -> dict[str, Any]:
    """It waits longer each time; after MOST_FAILURES without progress nobody tries again."""
    if failures < MOST_FAILURES:
        pause = BATCH_LEASE * 2 ** (failures - 1)
        return {"failures": failures, "claimed_until": now + pause}
    transaction.on_commit(FAILED.inc)
    logger.error(
        "Batch %s failed %d times and is given up: docs/metrics.md says what to do",
        batch.pk,
        failures,
        extra={"batch": batch.pk, "post": batch.broadcast.post_id},
    )
    return {"failures": failures, "state": Batch.State.FAILED, "claimed_by": ""}


def is_unfinished(batch_id: int) -> bool:
    return unfinished().filter(pk=batch_id).exists()


def unfinished_ids() -> set[int]:
    return set(unfinished().values_list("pk", flat=True))


def unfinished() -> QuerySet[Batch]:
    return Batch.objects.filter(state__in=[Batch.State.WAITING, Batch.State.CLAIMED])


class Waiting(NamedTuple):
    """A batch for the engine to hand out."""

    pk: int
    urgent: bool
    transport: str


def waiting_from(batch_id: int) -> list[Waiting]:
    """Unfinished batches from that number on, alerts first."""
    rows = unfinished().filter(pk__gte=batch_id).order_by("-urgent", "pk")
    return [Waiting(*row) for row in rows.values_list("pk", "urgent", "broadcast__transport")]


def clock_went_back(now: datetime) -> None:
    """Bring forward what a clock that was ahead has put off by hours. Limiters, which use the
    monotonic clock, still keep to what a far end asked for."""
    late = now + BATCH_LEASE
    Retry.objects.filter(not_before__gt=late).update(not_before=late)
    Welcome.objects.filter(not_before__gt=late).update(not_before=late)
    Batch.objects.filter(claimed_until__gt=late).update(claimed_until=late)


def lock_in_order(rows: QuerySet[Any]) -> list[int]:
    """Lock those rows that still exist until the transaction ends; their ids.

    In one order: otherwise two transactions that want the same rows could wait for each other.
    """
    return list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))


def release(batch: Batch, worker: str) -> None:
    """Let others take one batch."""
    mine = Batch.objects.filter(pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker)
    mine.update(state=Batch.State.WAITING, claimed_by="", claimed_until=None)


def release_worker(worker: str) -> int:
    """Let others take the batches of a worker that stops or died; the number of batches."""
    claimed = Batch.objects.filter(state=Batch.State.CLAIMED, claimed_by=worker)
    return claimed.update(state=Batch.State.WAITING, claimed_by="", claimed_until=None)


def release_exited_worker(pid: int) -> None:
    """As `release_worker`, for a worker of this data folder that ran in that process."""
    for worker in exited_worker(settings.data, pid):
        release_worker(worker)
