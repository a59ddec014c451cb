# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The audience of a post, and the number of people in it that staff may see."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from canale.channel.models import Channel, Kind, Topic
from canale.followers.addresses import wanted_by
from canale.followers.models import Address

# Staff see no exact number of a smaller group: a topic may have a single follower.
MIN_GROUP_SIZE = 10


def reach(channel: Channel) -> int:
    """Count the addresses of a channel: those that an alert is sent to."""
    return Address.objects.filter(channel=channel).count()


def is_exact(part: int, whole: int) -> bool:
    """True if a part of the followers may be counted: only when it is nobody or everybody, since
    the rest, and the difference to another part, are groups of people, too."""
    return part == 0 or (part == whole and whole != 2)


def least(part: int, whole: int) -> int:
    """Return a multiple of ten that discloses neither the part nor the rest; 0 if there is none.

    The rest is at least one and, as far as the number shows, may be ten.
    """
    return max(0, min(part, whole - MIN_GROUP_SIZE) // MIN_GROUP_SIZE * MIN_GROUP_SIZE)


def shown(part: int, whole: int) -> str:
    """Format a part of the followers, chosen by what they want, for staff (docs/decisions/0050)."""
    if is_exact(part, whole):
        return str(part)
    if least(part, whole):
        return _("at least %(count)d") % {"count": least(part, whole)}
    small = MIN_GROUP_SIZE if whole >= 2 * MIN_GROUP_SIZE else max(whole, 3)
    return _("fewer than %(limit)d") % {"limit": small}


def audience(channel: Channel, kind: str, topics: Collection[str]) -> int:
    """Count the addresses that a post of this kind and these topics (slugs) is sent to."""
    topic_ids = Topic.objects.filter(channel=channel, slug__in=topics).values_list("pk", flat=True)
    wanted = wanted_by(list(topic_ids), urgent=kind == Kind.ALERT)
    return Address.objects.filter(wanted, channel=channel).count()
