# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Live events for changed reaction counts, at most one a second for each post."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from canale.channel.models import Post
from canale.live.events import append_reactions_event
from canale.live.models import LiveEvent
from canale.reactions.models import Unannounced
from canale.reactions.tallies import counts

logger = logging.getLogger(__name__)
PACE = timedelta(seconds=1)


def publish_reaction_updates(now: datetime) -> int:
    """Write a line for each visible post whose counts changed; return the number of lines.

    Any node may call it at any time: the one that deletes the note of the change writes the line.
    """
    lines = 0
    for post_id in list(Unannounced.objects.values_list("post_id", flat=True)):
        try:
            lines += _publish_counts(post_id, now)
        except DatabaseError:
            # An error of one post must not block the others.
            logger.exception("Error publishing reaction counts of post %s", post_id)
    return lines


@transaction.atomic
def _publish_counts(post_id: int, now: datetime) -> bool:
    earlier = LiveEvent.objects.filter(post_id=post_id, kind=LiveEvent.Kind.REACTIONS)
    if earlier.filter(created_at__range=(now - PACE, now)).exists():
        return False
    # Lock the post first, as withdrawals and reactions do, to avoid deadlocks.
    posts = Post.objects.select_related("channel").select_for_update(of=("self",))
    post = posts.filter(pk=post_id).first()
    if not Unannounced.objects.filter(post_id=post_id).delete()[0]:
        return False
    if post is None or not post.is_visible(now):
        return False
    append_reactions_event(post, counts([post_id])[post_id], now)
    return True
