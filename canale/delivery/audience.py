# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many a post would reach, and how staff are told of how many."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from canale.channel.models import Channel, Kind, Topic
from canale.followers.addresses import wanted_by
from canale.followers.models import Address

# Staff never learn of a group of fewer people how many they are: a topic may have one follower.
SMALLEST_GROUP = 10


def reach(channel: Channel) -> int:
    """Addresses of a channel: those that an alert is sent to."""
    return Address.objects.filter(channel=channel).count()


def is_exact(part: int, whole: int) -> bool:
    """True if a part of the followers may be counted: only when it is nobody or everybody, since
    the rest, and the difference to another part, are groups of people, too."""
    return part == 0 or (part == whole and whole != 2)


def least(part: int, whole: int) -> int:
    """A multiple of ten that leaves open how many a part is, and how many the rest; 0 when there is
    none.

    The rest is at least one and, for all that is shown, may be ten.
    """
    return max(0, min(part, whole - SMALLEST_GROUP) // SMALLEST_GROUP * SMALLEST_GROUP)


def shown(part: int, whole: int) -> str:
    """A part of the followers, chosen by what they want, as staff see it (docs/decisions/0050)."""
    if is_exact(part, whole):
        return str(part)
    if least(part, whole):
        return _("at least %(count)d") % {"count": least(part, whole)}
    small = SMALLEST_GROUP if whole >= 2 * SMALLEST_GROUP else max(whole, 3)
    return _("fewer than %(limit)d") % {"limit": small}


def audience(channel: Channel, kind: str, topics: Collection[str]) -> int:
    """Addresses that a post of this kind and these topics (their slugs) is sent to."""
    topic_ids = Topic.objects.filter(channel=channel, slug__in=topics).values_list("pk", flat=True)
    wanted = wanted_by(list(topic_ids), urgent=kind == Kind.ALERT)
    return Address.objects.filter(wanted, channel=channel).count()
