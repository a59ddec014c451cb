# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A device's followings: list them, change them, stop them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from canale.channel.models import Channel, Topic
from canale.followers.device_token import token_hash
from canale.followers.models import ChannelCount, Follower


class UnknownTopicError(Exception):
    def __init__(self, slugs: Sequence[str]) -> None:
        super().__init__(", ".join(slugs))
        self.slugs = tuple(slugs)


def following(token: str) -> list[Follower]:
    """Return what the device follows, by channel."""
    rows = Follower.objects.filter(token_hash=token_hash(token))
    return list(
        rows.select_related("channel").prefetch_related("topics", "addresses").order_by("channel")
    )


@transaction.atomic
def update(
    channel: Channel,
    token: str,
    *,
    muted: bool | None = None,
    topics: Sequence[str] | None = None,
    language: str | None = None,
) -> Follower | None:
    """Change what is given; None when the device does not follow. Raises UnknownTopicError."""
    chosen = None if topics is None else find_topics(channel, topics)
    follower = Follower.objects.filter(channel=channel, token_hash=token_hash(token)).first()
    if follower is None:
        return None
    if muted is not None:
        follower.muted = muted
    if language is not None:
        follower.language = language
    follower.save(update_fields=["muted", "language"])
    if chosen is not None:
        follower.topics.set(chosen)
    return follower


def find_topics(channel: Channel, slugs: Sequence[str]) -> list[Topic]:
    """Return the channel's topics of these names. Raises UnknownTopicError."""
    topics = {topic.slug: topic for topic in channel.topics.filter(slug__in=slugs)}
    unknown = [slug for slug in slugs if slug not in topics]
    if unknown:
        raise UnknownTopicError(unknown)
    return list(topics.values())


def unfollow(channel: Channel, token: str) -> bool:
    """Stop following; False when the device did not."""
    rows = Follower.objects.filter(channel=channel, token_hash=token_hash(token))
    return delete_followers(rows.values_list("pk", flat=True)) > 0


@transaction.atomic
def delete_followers(follower_ids: Collection[int]) -> int:
    """Delete followers and, by the database's own rules, everything that belongs to them.

    Returns how many there were. Each is counted once, however many transactions delete it at the
    same moment: the second waits for the first, and finds none.
    """
    followers = lock_followers(follower_ids)
    Follower.objects.filter(pk__in=[follower.pk for follower in followers]).delete()
    for channel_id in sorted({follower.channel_id for follower in followers}):
        invited = [each.by_invite for each in followers if each.channel_id == channel_id]
        ChannelCount.objects.filter(channel=channel_id).update(
            followers=Greatest(F("followers") - len(invited), Value(0)),
            by_invite=Greatest(F("by_invite") - sum(invited), Value(0)),
        )
    return len(followers)


def lock_followers(follower_ids: Collection[int]) -> list[Follower]:
    """Lock followers by id, before their addresses are changed, to avoid deadlocks."""
    rows = Follower.objects.filter(pk__in=list(follower_ids))
    return list(rows.order_by("pk").select_for_update())
