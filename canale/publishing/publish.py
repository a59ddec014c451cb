# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Publish a post: one transaction, then workers and open pages are notified."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from canale.accounts.audit import record
from canale.channel.models import Post, Revision
from canale.delivery.plan import plan_broadcasts
from canale.delivery.transports.base import Purpose
from canale.live.events import append_post_event
from canale.live.models import LiveEvent
from canale.previews.queue import plan_preview
from canale.publishing.drafts import EditConflictError
from canale.publishing.transitions import Act, move


class NotPublishableError(Exception):
    """The post is not a draft any more: somebody published it, or pressed twice."""

    def __init__(self, post: Post) -> None:
        super().__init__(f"post {post.pk} is {post.state}")
        self.post = post


@transaction.atomic
def publish(post: Post, *, by: str, now: datetime | None = None, seen: str | None = None) -> Post:
    """Make a draft visible, and plan its broadcasts.

    ``seen`` is the digest of what was agreed to; None: whatever it says now. Raises
    NotPublishableError, EditConflictError.
    """
    now = now or timezone.now()
    moved = move(post, Act.PUBLISH, published_at=now, visible_until=post.visible_end(now))
    post.refresh_from_db()
    revision = post.next
    if not moved or revision is None:
        raise NotPublishableError(post)
    if seen is not None and seen != revision.digest:
        raise EditConflictError
    show(post, revision, by=by, now=now)
    plan_broadcasts(revision, Purpose.POST, now)
    record(by, "post.published", post.channel.handle, post=post.pk, headline=revision.headline)
    append_post_event(post, LiveEvent.Kind.POST)
    return post


def show(post: Post, revision: Revision, *, by: str, now: datetime) -> None:
    """Put a draft in the place of what readers see. Inside the caller's transaction.

    Raises NotPublishableError.
    """
    if not move(revision, Act.PUBLISH, published_at=now, published_by=by):
        raise NotPublishableError(post)
    if post.live is not None:
        move(post.live, Act.SUPERSEDE)
    post.live, post.next = revision, None
    post.save(update_fields=["live", "next"])
    plan_preview(post, revision.text, now)
