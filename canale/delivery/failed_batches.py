# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches that were given up after repeated unexpected errors, and their resumption."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from canale.channel.models import Post
from canale.delivery.models import Batch, Broadcast
from canale.delivery.plan import notify_workers


class FailedBatches(NamedTuple):
    """The number of failed batches of one of a post's broadcasts."""

    post: Post
    batches: int


def resume(now: datetime, post_id: int | None = None) -> list[FailedBatches]:
    """Let workers continue the failed batches of that post, or of all posts.

    Inside the caller's transaction. A broadcast that is stopped or too old stays as it is: sent
    it would be wrong, and counted it would look like people who did not want it.
    """
    # Locked, so that a correction or a withdrawal comes either before or after.
    broadcasts = _with_failed(post_id).filter(active(now)).select_for_update(of=("self",))
    resumed = []
    for broadcast in broadcasts:
        # Two callers at once do not both count a batch, nor take it from a worker that has it.
        batches = _failed(broadcast).update(
            state=Batch.State.WAITING, failures=0, claimed_by="", claimed_until=None
        )
        if batches:
            resumed.append(FailedBatches(broadcast.post, batches))
    notify_workers()
    return resumed


def expired(now: datetime, post_id: int | None = None) -> list[FailedBatches]:
    """List the failed batches that `resume` leaves as they are."""
    broadcasts = _with_failed(post_id).exclude(active(now))
    return [FailedBatches(each.post, _failed(each).count()) for each in broadcasts]


def _with_failed(post_id: int | None) -> QuerySet[Broadcast]:
    failed = Batch.objects.filter(state=Batch.State.FAILED).values("broadcast")
    broadcasts = Broadcast.objects.filter(pk__in=failed).select_related("post__channel")
    if post_id is not None:
        broadcasts = broadcasts.filter(post=post_id)
    return broadcasts.order_by("pk")


def active(now: datetime) -> Q:
    """The condition for broadcasts that are neither stopped nor too old."""
    return Q(stopped_at=None, expires_at__gt=now)


def _failed(broadcast: Broadcast) -> QuerySet[Batch]:
    return Batch.objects.filter(broadcast=broadcast, state=Batch.State.FAILED)
