# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Follow a channel: one device, or hundreds in one transaction on the day the QR code is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.db.models import F

from canale.channel.models import Channel, Topic
from canale.followers.device_token import token_hash
from canale.followers.following import delete_followers, find_topics, lock_followers
from canale.followers.invites import count_joined
from canale.followers.models import Address, ChannelCount, Follower
from canale.vault.fingerprints import fingerprints, identity
from canale.vault.sealing import seal

Key = tuple[int, bytes]
"""A channel's id, and the hash of a device's token or the fingerprint of an address."""


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
class Followed:
    follower: Follower
    created: bool
    new_address_id: int | None
    """The id of an address that this device gave for the first time."""


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request with the rows that it names and the hashes that are kept of it."""

    index: int
    request: FollowRequest
    channel: Channel
    topics: list[Topic]
    token_hash: bytes
    fingerprints: list[bytes]

    @property
    def keys(self) -> set[Key]:
        """All that may show that the device or its address is known."""
        return {(self.channel.pk, value) for value in (self.token_hash, *self.fingerprints)}


def follow(
    channel: Channel,
    token: str,
    *,
    address: tuple[str, Mapping[str, object]] | None,
    topics: Sequence[str],
    language: str,
    invite: str | None = None,
) -> Followed:
    """`follow_all` with one request. Raises UnknownTopicError."""
    request = FollowRequest(channel.handle, token, address, tuple(topics), language, invite)
    try:
        (followed,) = follow_all([request])
    except IntegrityError:
        # The same device or address followed in another transaction: now it is known.
        (followed,) = follow_all([request])
    if followed is None:
        find_topics(channel, topics)
        raise Channel.DoesNotExist(channel.handle)
    return followed


@transaction.atomic
def follow_all(requests: Sequence[FollowRequest]) -> list[Followed | None]:
    """Make each device a follower, or bring its choices up to date, in order.

    None where the channel or a topic is unknown. Devices and addresses that are new are written by
    few statements for all; a device that is known, or comes twice in one group, is updated alone.
    """
    resolved = _resolve(requests)
    known = _find_known(resolved)
    new, others = _split(resolved, set(known))
    if known:
        lock_followers(known.values())
    followers = _create_followers(new)
    addresses = _create_addresses(new, followers)
    _count(followers)
    results: list[Followed | None] = [None] * len(requests)
    for each, follower in zip(new, followers, strict=True):
        results[each.index] = Followed(follower, True, addresses.get(follower.pk))
    for each in others:
        results[each.index] = _follow_again(each)
    return results


def _resolve(requests: Sequence[FollowRequest]) -> list[ResolvedRequest]:
    """Return the requests whose channel and topics exist."""
    handles = {request.handle for request in requests}
    channels = {channel.handle: channel for channel in Channel.objects.filter(handle__in=handles)}
    topics: dict[int, dict[str, Topic]] = {}
    for topic in Topic.objects.filter(channel__in=channels.values()):
        topics.setdefault(topic.channel_id, {})[topic.slug] = topic
    resolved = []
    for index, request in enumerate(requests):
        channel = channels.get(request.handle)
        offered = topics.get(channel.pk, {}) if channel else {}
        if channel is None or not offered.keys() >= set(request.topics):
            continue
        chosen = [topic for slug, topic in offered.items() if slug in request.topics]
        digests = fingerprints(identity(request.address[1])) if request.address else []
        token = token_hash(request.token)
        resolved.append(ResolvedRequest(index, request, channel, chosen, token, digests))
    return resolved


def _find_known(requests: Sequence[ResolvedRequest]) -> dict[Key, int]:
    """Return the followers that we have of these devices and addresses: {key: follower's id}."""
    channels = {each.channel.pk for each in requests}
    tokens = [each.token_hash for each in requests]
    digests = [value for each in requests for value in each.fingerprints]
    kinds = {each.request.address[0] for each in requests if each.request.address}
    followers = Follower.objects.filter(channel__in=channels, token_hash__in=tokens)
    # With the kind: the index has it before the fingerprint.
    addresses = Address.objects.filter(
        channel__in=channels, kind__in=kinds, fingerprint__in=digests
    )
    rows = [
        *followers.values_list("pk", "channel_id", "token_hash"),
        *addresses.values_list("follower_id", "channel_id", "fingerprint"),
    ]
    return {(channel_id, bytes(value)): follower_id for follower_id, channel_id, value in rows}


def _split(
    requests: Sequence[ResolvedRequest], taken: set[Key]
) -> tuple[list[ResolvedRequest], list[ResolvedRequest]]:
    """Separate devices that are new in every respect, sorted, from all others, in order."""
    new: list[ResolvedRequest] = []
    others: list[ResolvedRequest] = []
    for each in requests:
        (new if each.keys.isdisjoint(taken) else others).append(each)
        taken |= each.keys
    # In one order, so that two processes cannot deadlock.
    return sorted(new, key=lambda each: each.token_hash), others


def _create_followers(requests: Sequence[ResolvedRequest]) -> list[Follower]:
    """Write followers, their topics, and the counts of the invites that brought them."""
    invited = count_joined(
        Counter((each.request.invite, each.channel.pk) for each in requests if each.request.invite)
    )
    followers = [
        Follower(
            channel=each.channel,
            token_hash=each.token_hash,
            language=each.request.language,
            by_invite=(each.request.invite, each.channel.pk) in invited,
        )
        for each in requests
    ]
    Follower.objects.bulk_create(followers)
    through = Topic.followers.through
    through.objects.bulk_create(
        through(follower_id=follower.pk, topic_id=topic.pk)
        for each, follower in zip(requests, followers, strict=True)
        for topic in each.topics
    )
    return followers


def _create_addresses(
    requests: Sequence[ResolvedRequest], followers: Sequence[Follower]
) -> dict[int, int]:
    """Write the addresses of new followers: {follower's id: id of the address}."""
    addresses = [
        Address(
            channel=each.channel,
            follower=follower,
            kind=kind,
            sealed=seal(address, kind, each.channel.pk),
            fingerprint=each.fingerprints[0],
        )
        for each, follower in zip(requests, followers, strict=True)
        if each.request.address
        for kind, address in [each.request.address]
    ]
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


def _follow_again(each: ResolvedRequest) -> Followed:
    """Update a known device, or a new one that brings a known address."""
    request = each.request
    rows = Follower.objects.filter(channel=each.channel, token_hash=each.token_hash)
    follower = rows.first()
    created = follower is None
    if follower is None:
        known = _find_address(each)
        if known is not None:
            # The same device after its cookie was lost: it counted when it came.
            each = replace(each, request=replace(request, invite=None))
        (follower,) = _create_followers([each])
        if known is not None and known.follower.by_invite:
            follower.by_invite = True
            follower.save(update_fields=["by_invite"])
        _count([follower])
    else:
        if follower.language != request.language:
            follower.language = request.language
            follower.save(update_fields=["language"])
        if each.topics:
            follower.topics.set(each.topics)
    new_address_id = _keep_address(each, follower)
    return Followed(follower, created, new_address_id)


def _keep_address(each: ResolvedRequest, follower: Follower) -> int | None:
    """The id of the address if it is new to this follower, else None.

    A device has one address of a kind: a previous one is deleted. An address that another follower
    gave is the same device after its cookie was lost: it moves here.
    """
    if each.request.address is None:
        return None
    kind, address = each.request.address
    follower.addresses.filter(kind=kind).exclude(fingerprint__in=each.fingerprints).delete()
    known = _find_address(each)
    if known is None:
        return _create_addresses([each], [follower])[follower.pk]
    former = known.follower_id
    known.follower = follower
    known.sealed = seal(address, kind, each.channel.pk)
    known.fingerprint = each.fingerprints[0]
    known.save(update_fields=["follower", "sealed", "fingerprint"])
    if former == follower.pk:
        return None
    delete_followers([former])
    return known.pk


def _find_address(each: ResolvedRequest) -> Address | None:
    """Return the row of the request's address, whichever follower has it."""
    kind = each.request.address[0] if each.request.address else ""
    rows = Address.objects.filter(
        channel=each.channel, kind=kind, fingerprint__in=each.fingerprints
    )
    # In no order: for that of ids, SQLite would read all addresses of the channel.
    return next(iter(rows.select_related("follower")), None)
