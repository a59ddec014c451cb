# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses of a channel, as delivery needs them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from canale.channel.models import Topic
from canale.followers.following import delete_followers, lock_followers
from canale.followers.models import Address, Follower


def in_range(channel_id: int, kind: str, after: int, last: int) -> QuerySet[Address]:
    """Addresses with ``after < id <= last``, ascending."""
    rows = Address.objects.filter(channel_id=channel_id, kind=kind, pk__gt=after, pk__lte=last)
    return rows.order_by("pk")


def first_in_range(
    channel_id: int, kind: str, after: int, last: int, count: int
) -> QuerySet[Address]:
    """Return the first ``count`` of `in_range`.

    The limit is in a subquery, so that PostgreSQL knows how few rows there are: otherwise it reads
    some hundred thousand topics of all followers rather than look up those of each.
    """
    first = in_range(channel_id, kind, after, last).values("pk")[:count]
    return Address.objects.filter(pk__in=first).order_by("pk")


def wanted_by(topic_ids: Collection[int], *, urgent: bool) -> Q:
    """Select addresses whose followers are not muted and chose one of the topics.

    Alerts reach everyone. A follower who chose no topic wants all; a post without topics
    is for all.
    """
    if urgent:
        return Q(pk__isnull=False)
    wanted = Q(follower__muted=False)
    if topic_ids:
        chosen = Topic.followers.through.objects.filter(follower_id=OuterRef("follower_id"))
        wanted &= ~Exists(chosen) | Q(Exists(chosen.filter(topic_id__in=topic_ids)))
    return wanted


def lock_owners(address_ids: Collection[int]) -> list[int]:
    """Lock the followers of addresses, before anything of theirs is changed; their ids."""
    owners = Address.objects.filter(pk__in=address_ids).values_list("follower", flat=True)
    return [follower.pk for follower in lock_followers(owners)]


def mark_missing(address_ids: Collection[int], now: datetime) -> None:
    """Remember since when the far end of these addresses is not found."""
    Address.objects.filter(pk__in=address_ids, missing_since=None).update(missing_since=now)


def mark_found(address_ids: Collection[int]) -> None:
    Address.objects.filter(pk__in=address_ids).update(missing_since=None)


@transaction.atomic
def delete_gone(address_ids: Collection[int]) -> int:
    """Delete addresses that no longer exist, and the followers who had no other."""
    followers = lock_owners(address_ids)
    deleted = Address.objects.filter(pk__in=address_ids).delete()[0]
    alone = Follower.objects.filter(pk__in=followers, addresses=None)
    delete_followers(alone.values_list("pk", flat=True))
    return deleted
