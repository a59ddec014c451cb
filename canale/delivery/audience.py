# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many a post would reach: asked before it is published."""

from __future__ import annotations

from collections.abc import Collection

from canale.channel.models import Channel, Kind, Topic
from canale.followers.addresses import wanted_by
from canale.followers.models import Address


def audience(channel: Channel, kind: str, topics: Collection[str]) -> int:
    """Addresses that a post of this kind and these topics (their slugs) is sent to."""
    topic_ids = Topic.objects.filter(channel=channel, slug__in=topics).values_list("pk", flat=True)
    wanted = wanted_by(list(topic_ids), urgent=kind == Kind.ALERT)
    return Address.objects.filter(wanted, channel=channel).count()
