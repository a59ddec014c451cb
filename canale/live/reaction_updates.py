# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Live events for changed reaction counts, at most one a second for each post."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from canale.channel.models import Post
from canale.live.models import LiveEvent
from canale.live.record import record_reactions
from canale.reactions.models import Unannounced
from canale.reactions.tallies import counts

logger = logging.getLogger(__name__)
PACE = timedelta(seconds=1)


def publish_reaction_updates(now: datetime) -> int:
    """Write a line for each visible post whose counts changed; the number of lines.

    Any node may call it at any time: who deletes the note of the change writes the line.
    """
    return sum(_announced(post_id, now) for post_id in _changed())


def _changed() -> list[int]:
    return list(Unannounced.objects.values_list("post_id", flat=True))


def _announced(post_id: int, now: datetime) -> bool:
    """Publish one post's counts; an error must not block the other posts."""
    try:
        return _announce(post_id, now)
    except DatabaseError:
        logger.exception("Error publishing reaction counts of post %s", post_id)
        return False


@transaction.atomic
def _announce(post_id: int, now: datetime) -> bool:
    if _told_lately(post_id, now):
        return False
    # Lock the post first, as withdrawals and reactions do, to avoid deadlocks.
    posts = Post.objects.select_related("channel").select_for_update(of=("self",))
    post = posts.filter(pk=post_id).first()
    if not Unannounced.objects.filter(post_id=post_id).delete()[0]:
        return False
    if post is None or not post.is_visible(now):
        return False
    record_reactions(post, counts([post_id])[post_id], now)
    return True


def _told_lately(post_id: int, now: datetime) -> bool:
    since = (now - PACE, now)
    lines = LiveEvent.objects.filter(post_id=post_id, kind=LiveEvent.Kind.REACTIONS)
    return lines.filter(created_at__range=since).exists()
