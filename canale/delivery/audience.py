# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many a post would reach, and how staff are told of how many."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from canale.channel.models import Channel, Kind, Topic
from canale.followers.addresses import wanted_by
from canale.followers.models import Address

# Of fewer people staff learn nothing but that they are fewer: a topic may have one follower.
SMALLEST_GROUP = 10


def reach(channel: Channel) -> int:
    """Addresses of a channel: those that an alert is sent to."""
    return Address.objects.filter(channel=channel).count()


def is_small_group(part: int, whole: int) -> bool:
    """Whether a part of the followers, chosen by what they want, is too small to be counted."""
    return 0 < part < min(whole, SMALLEST_GROUP)


def shown(part: int, whole: int) -> str:
    """The number, or that it is too small to be told."""
    if is_small_group(part, whole):
        return _("fewer than %(limit)d") % {"limit": min(whole, SMALLEST_GROUP)}
    return str(part)


def audience(channel: Channel, kind: str, topics: Collection[str]) -> int:
    """Addresses that a post of this kind and these topics (their slugs) is sent to."""
    topic_ids = Topic.objects.filter(channel=channel, slug__in=topics).values_list("pk", flat=True)
    wanted = wanted_by(list(topic_ids), urgent=kind == Kind.ALERT)
    return Address.objects.filter(wanted, channel=channel).count()
