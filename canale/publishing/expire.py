# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tidies up after posts whose time is over. That they are invisible needs no tidying:
*visible* is asked of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from canale.channel.models import Post, State
from canale.delivery.plan import stop_broadcasts
from canale.live.models import LiveEvent
from canale.reactions.tallies import close


def expire_due(now: datetime) -> int:
    """Close the posts whose ``visible_until`` has come; the number of them.

    Follower-level reactions are deleted and the counts kept; so are the stream's lines.
    """
    due = Post.objects.filter(state__in=[State.PUBLISHED, State.WITHDRAWN], visible_until__lte=now)
    return sum(_expire(post_id, now) for post_id in due.values_list("pk", flat=True)[:200])


@transaction.atomic
def _expire(post_id: int, now: datetime) -> bool:
    open_states = Q(state=State.PUBLISHED) | Q(state=State.WITHDRAWN)
    if not Post.objects.filter(open_states, pk=post_id).update(state=State.EXPIRED):
        return False
    stop_broadcasts(post_id, now)
    Post.objects.filter(pk=post_id).update(reaction_counts=close(post_id))
    # The stream's numbers only rise; the newest line stays, so that they go on from it.
    LiveEvent.objects.filter(post_id=post_id, created_at__lt=now - timedelta(days=1)).delete()
    return True
