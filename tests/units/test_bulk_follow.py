# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who follows in a group is kept as who follows alone."""

from __future__ import annotations

import dataclasses
import random

import pytest

from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.followers.bulk_follow import FollowRequest, follow_together
from canale.followers.device_token import new_token
from canale.followers.follow import UnknownTopicError, follow
from canale.followers.invites import make_invite
from canale.followers.models import Address, ChannelCount, Follower, Invite
from canale.vault.sealing import open_sealed

pytestmark = pytest.mark.django_db


def new_channel(handle: str) -> Channel:
    channel = create_channel(handle, handle)
    for slug in ("strade", "cultura", "scuola"):
        channel.topics.create(slug=slug, name=slug)
    return channel


def wish(handle: str, number: int, **more: object) -> FollowRequest:
    push = {"endpoint": f"https://push.example/{number}", "keys": {"auth": str(number)}}
    plain = FollowRequest(handle, new_token(), ("push", push), (), "it", None)
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def alone(channel: Channel, one: FollowRequest) -> bool | None:
    """Whether the device is new; None when a topic is unknown."""
    try:
        return follow(
            channel,
            one.token,
            address=one.address,
            topics=one.topics,
            language=one.language,
            invite=one.invite,
        ).created
    except UnknownTopicError:
        return None


def kept(channel: Channel) -> list[object]:
    """Everything about a channel's followers, without what is random."""
    rows = []
    for follower in Follower.objects.filter(channel=channel):
        addresses = [
            str(open_sealed(bytes(one.sealed), one.kind, channel.pk))
            for one in follower.addresses.all()
        ]
        topics = [topic.slug for topic in follower.topics.all()]
        rows.append(
            (bytes(follower.token_hash), follower.language, follower.by_invite, topics, addresses)
        )
    count = ChannelCount.objects.get(channel=channel)
    joined = sorted(Invite.objects.filter(channel=channel).values_list("joined", flat=True))
    return [sorted(rows), count.followers, count.by_invite, joined]


@pytest.mark.parametrize("seed", range(6))
def test_bulk_follow_matches_single_follows(seed: int) -> None:
    chance = random.Random(seed)
    one, many = new_channel("one"), new_channel("many")
    codes = [[make_invite(channel).code for _ in range(2)] for channel in (one, many)]
    tokens = [new_token() for _ in range(12)]
    for _ in range(8):
        group: list[FollowRequest] = []
        said: list[bool | None] = []
        for _ in range(chance.randint(1, 12)):
            which = chance.choice((None, 0, 1))
            about = wish(
                "one",
                chance.randrange(15),
                token=chance.choice((new_token(), chance.choice(tokens))),
                topics=tuple(chance.sample(("strade", "cultura", "parchi"), chance.randint(0, 2))),
                language=chance.choice(("it", "en")),
                invite=None if which is None else codes[0][which],
            )
            if chance.random() < 0.3:
                about = dataclasses.replace(about, address=None)
            said.append(alone(one, about))
            invite = None if which is None else codes[1][which]
            group.append(dataclasses.replace(about, handle="many", invite=invite))
        results = follow_together(group)
        assert [result and result.created for result in results] == said
    assert kept(one) == kept(many)


def test_address_is_created_once() -> None:
    new_channel("cremona")
    first, second = wish("cremona", 1), wish("cremona", 1)
    results = follow_together([first, second, wish("cremona", 2, address=None)])
    ids = [result.new_address_id for result in results if result]
    assert ids[:2] == [Address.objects.get().pk] * 2  # it moved to the second follower
    assert ids[2] is None


def test_unknown_channel_gives_none_and_does_not_affect_others() -> None:
    new_channel("cremona")
    results = follow_together([wish("crema", 1), wish("cremona", 2)])
    assert results[0] is None
    assert results[1] is not None


def test_new_followers_are_inserted_with_few_statements(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    new_channel("cremona")
    group = [wish("cremona", number, topics=("strade",)) for number in range(200)]
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        follow_together(group)
    assert ChannelCount.objects.get().followers == 200
