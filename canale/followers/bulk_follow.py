# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hundreds of devices follow in one transaction: the day on which the city shows its QR code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from canale.channel.models import Channel, Topic
from canale.followers.device_token import token_hash
from canale.followers.follow import Followed, UnknownTopicError, follow, lock
from canale.followers.models import Address, ChannelCount, Follower, Invite
from canale.vault.fingerprints import fingerprint, identity
from canale.vault.sealing import seal

Topics = dict[int, dict[str, Topic]]
"""{channel's id: {slug: topic}}"""


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """A request to follow a channel; ``address`` is its kind and what the vault keeps."""

    handle: str
    token: str
    address: tuple[str, Mapping[str, object]] | None
    topics: tuple[str, ...]
    language: str
    invite: str | None


@dataclass(frozen=True, slots=True)
class NewFollower:
    """A wish of a device that we do not know, with what is kept of it."""

    place: int
    wish: FollowRequest
    channel: Channel
    token_hash: bytes
    mark: bytes | None
    topics: list[Topic]


@transaction.atomic
def follow_together(wishes: Sequence[FollowRequest]) -> list[Followed | None]:
    """Do what `follow` does for each, in order; None where channel or a topic is unknown.

    Devices and addresses that are new are written by few statements for all; who comes back, or
    comes twice in one group, goes through `follow`.
    """
    results: list[Followed | None] = [None] * len(wishes)
    channels = {
        channel.handle: channel
        for channel in Channel.objects.filter(handle__in={wish.handle for wish in wishes})
    }
    newcomers = _newcomers(wishes, channels)
    new = {newcomer.place for newcomer in newcomers}
    _lock_known([wish for place, wish in enumerate(wishes) if place not in new])
    for newcomer, followed in zip(newcomers, _write(newcomers), strict=True):
        results[newcomer.place] = followed
    for place, wish in enumerate(wishes):
        if place not in new and wish.handle in channels:
            results[place] = _alone(channels[wish.handle], wish)
    return results


def _newcomers(
    wishes: Sequence[FollowRequest], channels: Mapping[str, Channel]
) -> list[NewFollower]:
    """Return new followers, sorted by token so that two processes cannot deadlock."""
    topics = _topics(channels)
    possible = [
        NewFollower(place, wish, channel, token_hash(wish.token), _mark(wish), chosen)
        for place, wish in enumerate(wishes)
        if (channel := channels.get(wish.handle)) is not None
        and (chosen := _chosen(topics.get(channel.pk, {}), wish.topics)) is not None
    ]
    taken = _taken(possible)
    newcomers = []
    for one in possible:
        keys = {(one.channel.pk, one.token_hash), (one.channel.pk, one.mark)}
        if keys.isdisjoint(taken):
            newcomers.append(one)
        taken |= {key for key in keys if key[1] is not None}
    return sorted(newcomers, key=lambda one: one.token_hash)


def _lock_known(wishes: Sequence[FollowRequest]) -> None:
    """Before anything is written, in every channel that they follow: see `lock`."""
    tokens = [token_hash(wish.token) for wish in wishes]
    marks = [mark for wish in wishes if (mark := _mark(wish))]
    known = Address.objects.filter(fingerprint__in=marks).values_list("follower", flat=True)
    mine = Follower.objects.filter(token_hash__in=tokens).values_list("pk", flat=True)
    if wishes:
        lock({*known, *mine})


def _topics(channels: Mapping[str, Channel]) -> Topics:
    found: Topics = {}
    for topic in Topic.objects.filter(channel__in=channels.values()):
        found.setdefault(topic.channel_id, {})[topic.slug] = topic
    return found


def _chosen(known: Mapping[str, Topic], slugs: Sequence[str]) -> list[Topic] | None:
    """In the channel's order; None if there is one that the channel has not."""
    if not known.keys() >= set(slugs):
        return None
    return [topic for slug, topic in known.items() if slug in slugs]


def _mark(wish: FollowRequest) -> bytes | None:
    if wish.address is None:
        return None
    _, address = wish.address
    return fingerprint(identity(address))


def _taken(wishes: Sequence[NewFollower]) -> set[tuple[int, bytes | None]]:
    """Channel with token, and channel with address, of devices that we know."""
    tokens = Follower.objects.filter(token_hash__in=[one.token_hash for one in wishes])
    marks = Address.objects.filter(fingerprint__in=[one.mark for one in wishes if one.mark])
    rows = [
        *tokens.values_list("channel_id", "token_hash"),
        *marks.values_list("channel_id", "fingerprint"),
    ]
    return {(channel_id, bytes(kept)) for channel_id, kept in rows}


def _write(newcomers: Sequence[NewFollower]) -> list[Followed]:
    invites = _count_joined(newcomers)
    followers = [
        Follower(
            channel=one.channel,
            token_hash=one.token_hash,
            language=one.wish.language,
            by_invite=(one.wish.invite, one.channel.pk) in invites,
        )
        for one in newcomers
    ]
    Follower.objects.bulk_create(followers)
    through = Topic.followers.through
    through.objects.bulk_create(
        through(follower_id=follower.pk, topic_id=topic.pk)
        for one, follower in zip(newcomers, followers, strict=True)
        for topic in one.topics
    )
    addresses = _write_addresses(newcomers, followers)
    _count(followers)
    return [Followed(follower, True, addresses.get(follower.pk)) for follower in followers]


def _count_joined(newcomers: Sequence[NewFollower]) -> set[tuple[str | None, int]]:
    """Code and channel's id of the invites that there are, each counted by one statement."""
    codes = Counter((one.wish.invite, one.channel.pk) for one in newcomers if one.wish.invite)
    return {
        (code, channel_id)
        for (code, channel_id), joined in sorted(codes.items())
        if Invite.objects.filter(code=code, channel=channel_id).update(joined=F("joined") + joined)
    }


def _write_addresses(
    newcomers: Sequence[NewFollower], followers: Sequence[Follower]
) -> dict[int, int]:
    """{follower's id: id of the address}"""
    addresses = []
    for one, follower in zip(newcomers, followers, strict=True):
        if one.wish.address is not None and one.mark is not None:
            kind, address = one.wish.address
            sealed = seal(address, kind, one.channel.pk)
            kept = Address(channel=one.channel, follower=follower, kind=kind, sealed=sealed)
            kept.fingerprint = one.mark
            addresses.append(kept)
    Address.objects.bulk_create(addresses)
    return {address.follower_id: address.pk for address in addresses}


def _count(followers: Sequence[Follower]) -> None:
    """Update the hot counter rows last, in the same order in all processes."""
    for channel_id in sorted({follower.channel_id for follower in followers}):
        new = [follower for follower in followers if follower.channel_id == channel_id]
        ChannelCount.objects.get_or_create(channel_id=channel_id)
        ChannelCount.objects.filter(channel=channel_id).update(
            followers=F("followers") + len(new),
            by_invite=F("by_invite") + sum(follower.by_invite for follower in new),
        )


def _alone(channel: Channel, wish: FollowRequest) -> Followed | None:
    try:
        return follow(
            channel,
            wish.token,
            address=wish.address,
            topics=wish.topics,
            language=wish.language,
            invite=wish.invite,
        )
    except UnknownTopicError:
        return None
