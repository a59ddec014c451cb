# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Clean up after expired posts. They are invisible before: visibility depends on the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from canale.channel.models import Post, State
from canale.delivery.plan import stop_broadcasts
from canale.live.events import latest_id
from canale.live.models import LiveEvent
from canale.previews.queue import forget_preview
from canale.publishing.transitions import Act, move
from canale.reactions.models import Reaction
from canale.reactions.tallies import finalize


def expire_due(now: datetime) -> int:
    """Expire the posts whose ``visible_until`` has passed; return how many.

    Follower-level reactions are deleted and the counts kept; the stream's lines go a day later.
    """
    due = Post.objects.filter(state__in=[State.PUBLISHED, State.WITHDRAWN], visible_until__lte=now)
    expired = 0
    for post_id in due.values_list("pk", flat=True)[:200]:
        with transaction.atomic():
            if move(Post(pk=post_id), Act.EXPIRE):
                stop_broadcasts(post_id, now)
                forget_preview(post_id)
                Post.objects.filter(pk=post_id).update(reaction_counts=finalize(post_id))
                expired += 1
    return expired


def prune_past(now: datetime) -> None:
    """Delete late reactions to posts that are gone, and their live events after a day.

    By then no open page can still be catching up on them.
    """
    gone = [State.EXPIRED, State.WITHDRAWN]
    Reaction.objects.filter(post__state__in=gone).delete()
    past = LiveEvent.objects.filter(post__state__in=gone, created_at__lt=now - timedelta(days=1))
    # The newest line stays: the stream's numbers go on from it.
    past.exclude(pk=latest_id()).delete()
