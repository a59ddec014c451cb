# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writers of the stream's numbered events."""

from __future__ import annotations

import json
from datetime import datetime

from django.db import connection
from django.utils import timezone

from canale.channel.links import post_url
from canale.channel.models import Post
from canale.live.models import LiveEvent
from canale.live.notify import notify_web

# An arbitrary number: PostgreSQL's advisory locks share one space.
_NUMBERING_LOCK = 0x63616E616C65
# More events than the stream can have between two backups.
SKIPPED = 1_000_000


def append_event(
    post: Post, kind: LiveEvent.Kind, *, now: datetime | None = None, **more: object
) -> LiveEvent:
    """Add a line to the stream of the post's channel, inside the caller's transaction.

    Call it last: on PostgreSQL it holds a lock until the commit, so that numbers become
    visible in the order in which they rise, and a reader who has seen one has missed none.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBERING_LOCK])
    data = json.dumps({"post": post.pk, **more}, ensure_ascii=False, separators=(",", ":"))
    event = LiveEvent.objects.create(
        channel=post.channel, post=post, kind=kind, data=data, created_at=now or timezone.now()
    )
    notify_web()
    return event


def append_post_event(post: Post, kind: LiveEvent.Kind) -> LiveEvent:
    """Add a post or a correction, with the data that a page needs to announce it."""
    content = post.content
    return append_event(
        post, kind, headline=content.headline, url=post_url(post), kind_of_post=content.kind
    )


def append_reactions_event(post: Post, counts: dict[str, int], now: datetime) -> LiveEvent:
    """Replace the post's line by the current counts: the backlog holds one for each post."""
    post.live_events.filter(kind=LiveEvent.Kind.REACTIONS).delete()
    return append_event(post, LiveEvent.Kind.REACTIONS, now=now, counts=counts)


def advance_sequence() -> None:
    """Skip numbers after an older database was restored.

    It would give numbers that open pages have seen, and they would take new events for old ones.
    """
    table = LiveEvent._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)",
                [table, latest_id() + SKIPPED],
            )
            return
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
        cursor.execute(
            "INSERT INTO sqlite_sequence VALUES (%s, %s)", [table, latest_id() + SKIPPED]
        )


def latest_id() -> int:
    """Return the newest line's number, over all channels; 0 before the first."""
    newest = LiveEvent.objects.order_by("-id").values_list("id", flat=True).first()
    return newest or 0
