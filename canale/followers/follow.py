# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Follow, choose topics, mute, stop following."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from canale.channel.models import Channel, Topic
from canale.followers.device_token import token_hash
from canale.followers.invites import count_joined
from canale.followers.models import Address, ChannelCount, Follower
from canale.vault.fingerprints import fingerprints, identity
from canale.vault.sealing import seal


class UnknownTopicError(Exception):
    def __init__(self, slugs: Sequence[str]) -> None:
        super().__init__(", ".join(slugs))
        self.slugs = tuple(slugs)


@dataclass(frozen=True, slots=True)
class Followed:
    follower: Follower
    created: bool
    new_address_id: int | None
    """Of an address that this device gave for the first time."""


@transaction.atomic
def follow(
    channel: Channel,
    token: str,
    *,
    address: tuple[str, Mapping[str, object]] | None,
    topics: Sequence[str],
    language: str,
    invite: str | None = None,
) -> Followed:
    """Make the device a follower, or bring what it said before up to date.

    ``address`` is its kind and what the vault keeps. Raises UnknownTopicError.
    """
    chosen = _topics(channel, topics)
    if address:
        lock(_concerned(channel, token, *address))
    follower, created = Follower.objects.get_or_create(
        channel=channel, token_hash=token_hash(token), defaults={"language": language}
    )
    if created:
        _count(channel, follower, invite)
    elif follower.language != language:
        follower.language = language
        follower.save(update_fields=["language"])
    if created or chosen:
        follower.topics.set(chosen)
    new_address = _keep_address(follower, *address) if address else None
    return Followed(follower, created, new_address)


def _topics(channel: Channel, slugs: Sequence[str]) -> list[Topic]:
    found = {topic.slug: topic for topic in channel.topics.filter(slug__in=slugs)}
    unknown = [slug for slug in slugs if slug not in found]
    if unknown:
        raise UnknownTopicError(unknown)
    return list(found.values())


def _concerned(channel: Channel, token: str, kind: str, address: Mapping[str, object]) -> list[int]:
    """Return the ids of the device's follower and of the address's former owner."""
    marks = fingerprints(identity(address))
    known = Address.objects.filter(channel=channel, kind=kind, fingerprint__in=marks)
    mine = Follower.objects.filter(channel=channel, token_hash=token_hash(token))
    return [*known.values_list("follower", flat=True), *mine.values_list("pk", flat=True)]


def lock(follower_ids: Collection[int]) -> list[Follower]:
    """Lock followers by id, before their addresses are changed, to avoid deadlocks."""
    rows = Follower.objects.filter(pk__in=follower_ids)
    return list(rows.order_by("pk").select_for_update())


def _count(channel: Channel, follower: Follower, invite: str | None) -> None:
    invited = invite is not None and count_joined(invite, channel)
    if invited:
        follower.by_invite = True
        follower.save(update_fields=["by_invite"])
    ChannelCount.objects.get_or_create(channel=channel)
    ChannelCount.objects.filter(channel=channel).update(
        followers=F("followers") + 1, by_invite=F("by_invite") + int(invited)
    )


def _keep_address(follower: Follower, kind: str, address: Mapping[str, object]) -> int | None:
    """The id of the address if it is new to this follower, else None.

    A device has one address of a kind: what it gave before is dropped. An address that
    another follower gave is the same device after its cookie was lost: it moves here.
    """
    marks = fingerprints(identity(address))
    sealed = seal(address, kind, follower.channel_id)
    follower.addresses.filter(kind=kind).exclude(fingerprint__in=marks).delete()
    rows = Address.objects.filter(channel=follower.channel, kind=kind, fingerprint__in=marks)
    known = rows.first()
    if known is None:
        return Address.objects.create(
            channel=follower.channel,
            follower=follower,
            kind=kind,
            sealed=sealed,
            fingerprint=marks[0],
        ).pk
    former = known.follower
    known.follower, known.sealed, known.fingerprint = follower, sealed, marks[0]
    known.save(update_fields=["follower", "sealed", "fingerprint"])
    if former.pk == follower.pk:
        return None
    drop(former)
    return known.pk


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
    chosen = None if topics is None else _topics(channel, topics)
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


@transaction.atomic
def unfollow(channel: Channel, token: str) -> bool:
    """Stop following; False when the device did not."""
    follower = Follower.objects.filter(channel=channel, token_hash=token_hash(token)).first()
    if follower is None:
        return False
    drop(follower)
    return True


def drop(follower: Follower) -> None:
    drop_all([follower.pk])


@transaction.atomic
def drop_all(follower_ids: Collection[int]) -> None:
    """Deletes followers and, by the database's own rules, all that hangs on them.

    Each is counted once, however many ask for it at the same moment: who comes second waits for
    the first, and finds none.
    """
    found = lock(follower_ids)
    Follower.objects.filter(pk__in=[follower.pk for follower in found]).delete()
    for channel_id in sorted({follower.channel_id for follower in found}):
        invited = [each.by_invite for each in found if each.channel_id == channel_id]
        ChannelCount.objects.filter(channel=channel_id).update(
            followers=Greatest(F("followers") - len(invited), Value(0)),
            by_invite=Greatest(F("by_invite") - sum(invited), Value(0)),
        )
