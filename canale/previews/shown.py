# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The previews that readers see, and their removal by staff."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from canale.accounts.audit import record
from canale.channel.models import Post
from canale.core.settings import settings
from canale.live.notify import forget_pages
from canale.previews.models import LinkPreview

State = LinkPreview.State


def shown_previews(posts: Iterable[Post]) -> dict[int, LinkPreview]:
    """Return the fetched previews by post, without their pictures; none while they are off."""
    if not settings.link_previews:
        return {}
    rows = LinkPreview.objects.filter(post__in=posts, state=State.FETCHED).defer("picture")
    return {row.post_id: row for row in rows}


def preview_of(post: Post) -> LinkPreview | None:
    """Return the preview of a post's link in whatever state, for staff."""
    return LinkPreview.objects.filter(post=post).defer("picture").first()


def find_picture(handle: str, key: str, now: datetime) -> LinkPreview | None:
    """Return the preview of a visible post that has this picture."""
    rows = LinkPreview.objects.select_related("post__channel").filter(
        post__channel__handle=handle, post__in=Post.objects.visible(now)
    )
    found = rows.filter(picture_key=key, state=State.FETCHED).first()
    return found if settings.link_previews else None


def remove_preview(post: Post, *, by: str) -> bool:
    """Remove the preview of a post's link for good. Return False if there is none to remove."""
    rows = LinkPreview.objects.filter(post=post).exclude(state=State.REMOVED)
    with transaction.atomic():
        cleared = {"title": "", "description": "", "picture": None, "picture_key": ""}
        if not rows.update(state=State.REMOVED, **cleared):
            return False
        record(by, "post.preview_removed", post.channel.handle, post=post.pk)
        forget_pages(post.channel.handle)
    return True
