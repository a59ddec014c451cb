# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Publishes a post: one transaction, then everybody is told."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from canale.accounts.audit import record
from canale.channel.models import Post, Revision, State
from canale.delivery.models import Broadcast
from canale.delivery.plan import plan_broadcasts
from canale.live.models import LiveEvent
from canale.live.record import record_wording


class NotPublishable(Exception):  # noqa: N818
    """The post is not a draft any more: somebody published it, or pressed twice."""

    def __init__(self, post: Post) -> None:
        super().__init__(f"post {post.pk} is {post.state}")
        self.post = post


@transaction.atomic
def publish(post: Post, *, by: str, now: datetime | None = None) -> Post:
    """Make a draft visible, and plan how all followers are told. Raises NotPublishable."""
    now = now or timezone.now()
    claimed = Post.objects.filter(pk=post.pk, state=State.DRAFT).update(
        state=State.PUBLISHED, published_at=now, visible_until=post.visible_end(now)
    )
    post.refresh_from_db()
    if not claimed:
        raise NotPublishable(post)
    revision = write_revision(post, note="", by=by, now=now)
    plan_broadcasts(revision, Broadcast.Purpose.POST, now)
    record(by, "post.published", post.channel.handle, post=post.pk, headline=post.headline)
    record_wording(post, LiveEvent.Kind.POST)
    return post


def write_revision(post: Post, *, note: str, by: str, now: datetime) -> Revision:
    """Keep the post's present wording. Inside the caller's transaction."""
    return Revision.objects.create(
        post=post,
        number=post.revisions.count() + 1,
        headline=post.headline,
        text=post.text,
        starts_at=post.starts_at,
        ends_at=post.ends_at,
        place=post.place,
        note=note,
        published_at=now,
        published_by=by,
    )
