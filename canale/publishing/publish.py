# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Publishes a post: one transaction, then everybody is told."""

from __future__ import annotations

import hashlib
import json
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


class ChangedMeanwhile(Exception):  # noqa: N818
    """Somebody else rewrote the draft after it was shown to who publishes it."""


@transaction.atomic
def publish(post: Post, *, by: str, now: datetime | None = None, seen: str | None = None) -> Post:
    """Make a draft visible, and plan how all followers are told.

    ``seen`` is the `wording_mark` of what was agreed to; None: whatever it says now. Raises
    NotPublishable, ChangedMeanwhile.
    """
    now = now or timezone.now()
    claimed = Post.objects.filter(pk=post.pk, state=State.DRAFT).update(
        state=State.PUBLISHED, published_at=now, visible_until=post.visible_end(now)
    )
    post.refresh_from_db()
    if not claimed:
        raise NotPublishable(post)
    if seen is not None and seen != wording_mark(post):
        raise ChangedMeanwhile
    revision = write_revision(post, note="", by=by, now=now)
    plan_broadcasts(revision, Broadcast.Purpose.POST, now)
    record(by, "post.published", post.channel.handle, post=post.pk, headline=post.headline)
    record_wording(post, LiveEvent.Kind.POST)
    return post


def wording_mark(post: Post) -> str:
    """Tells two wordings of a post apart: words, times, topics, images and what they show."""
    said = [
        post.kind, post.headline, post.text, post.place, post.starts_at, post.ends_at,
        post.starts_on, post.ends_on, post.all_clear_of_id,
        sorted(post.topics.values_list("slug", flat=True)),
        list(post.images.values_list("key", "alt")),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


def write_revision(post: Post, *, note: str, by: str, now: datetime) -> Revision:
    """Keep the post's present wording. Inside the caller's transaction."""
    return Revision.objects.create(
        post=post,
        number=post.revisions.count() + 1,
        headline=post.headline,
        text=post.text,
        starts_at=post.starts_at,
        ends_at=post.ends_at,
        starts_on=post.starts_on,
        ends_on=post.ends_on,
        place=post.place,
        note=note,
        published_at=now,
        published_by=by,
    )
