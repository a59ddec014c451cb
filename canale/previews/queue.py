# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The queue of previews: planned with the post, claimed by conditional update, then recorded."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from canale.channel.models import Post
from canale.channel.text import first_link
from canale.core.settings import settings
from canale.live.notify import forget_pages
from canale.net.endpoints import MAX_URL
from canale.previews.fetch import Found
from canale.previews.models import LinkPreview

State = LinkPreview.State

# Longer than the longest attempt: a claim that is older belongs to a worker that was killed.
LEASE = timedelta(seconds=120)
# The pauses after the first attempts; the last attempt has none.
PAUSES = (timedelta(seconds=20), timedelta(seconds=90), timedelta(minutes=5))
MAX_ATTEMPTS = len(PAUSES) + 1


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt to fetch the preview of a post."""

    preview_id: int
    post_id: int
    handle: str
    url: str
    attempt: int


def plan_preview(post: Post, text: str, now: datetime) -> None:
    """Queue the preview of the text's first link, inside the caller's transaction.

    A preview of the same link stays as it is; that of another goes.
    """
    link = first_link(text) if settings.link_previews else None
    if link is not None and len(link) > MAX_URL:
        link = None
    LinkPreview.objects.filter(post=post).exclude(url=link or "").delete()
    if link is not None:
        LinkPreview.objects.get_or_create(post=post, defaults={"url": link, "not_before": now})


def forget_preview(post_id: int) -> None:
    """Delete the preview of a post that is no longer visible."""
    LinkPreview.objects.filter(post=post_id).delete()


def claim_preview(now: datetime) -> Claim | None:
    """Claim the preview that has been due for longest; None if none is due."""
    due = LinkPreview.objects.filter(state=State.QUEUED, not_before__lte=now)
    rows = due.select_related("post__channel").only("url", "attempts", "post__channel__handle")
    for row in rows.order_by("not_before", "pk")[:10]:
        attempt = row.attempts + 1
        unclaimed = due.filter(pk=row.pk, attempts=row.attempts)
        if attempt > MAX_ATTEMPTS:
            # Each attempt ended with its worker: the page may be the reason.
            unclaimed.update(state=State.NONE)
        elif unclaimed.update(attempts=attempt, not_before=now + LEASE):
            return Claim(row.pk, row.post_id, row.post.channel.handle, row.url, attempt)
    return None


@transaction.atomic
def record_found(claim: Claim, found: Found) -> None:
    """Store a preview, unless the post, its link or the claim has changed."""
    stored = _claimed(claim).update(
        state=State.FETCHED,
        title=found.title,
        description=found.description,
        picture=found.picture,
        picture_key=secrets.token_urlsafe(15) if found.picture else "",
    )
    if stored:
        forget_pages(claim.handle)


def record_failure(claim: Claim, now: datetime, *, may_retry: bool) -> bool:
    """Plan the next attempt if there is one. Return False if this was the last."""
    if not may_retry or claim.attempt >= MAX_ATTEMPTS:
        _claimed(claim).update(state=State.NONE)
        return False
    _claimed(claim).update(not_before=now + PAUSES[claim.attempt - 1])
    return True


def _claimed(claim: Claim) -> QuerySet[LinkPreview]:
    return LinkPreview.objects.filter(
        pk=claim.preview_id, state=State.QUEUED, attempts=claim.attempt
    )
