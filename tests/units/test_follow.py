# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Following in a group writes what following alone writes, also while the key changes."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.followers.device_token import new_token
from canale.followers.follow import FollowRequest, follow, follow_all
from canale.followers.following import UnknownTopicError
from canale.followers.invites import make_invite
from canale.followers.models import Address, ChannelCount, Follower, Invite
from canale.vault import keys
from canale.vault.sealing import open_and_check, open_sealed

pytestmark = pytest.mark.django_db


def new_channel(handle: str) -> Channel:
    channel = create_channel(handle, handle)
    for slug in ("strade", "cultura", "scuola"):
        channel.topics.create(slug=slug, name=slug)
    return channel


def request(handle: str, number: int, **more: object) -> FollowRequest:
    push = {"endpoint": f"https://push.example/{number}", "keys": {"auth": str(number)}}
    plain = FollowRequest(handle, new_token(), ("push", push), (), "it", None)
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def alone(channel: Channel, one: FollowRequest) -> bool | None:
    """True for a new device; None when a topic is unknown."""
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
            about = request(
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
        results = follow_all(group)
        assert [result and result.created for result in results] == said
    assert kept(one) == kept(many)


def test_address_is_created_once() -> None:
    new_channel("cremona")
    first, second = request("cremona", 1), request("cremona", 1)
    results = follow_all([first, second, request("cremona", 2, address=None)])
    ids = [result.new_address_id for result in results if result]
    assert ids[:2] == [Address.objects.get().pk] * 2  # it moved to the second follower
    assert ids[2] is None


def test_unknown_channel_gives_none_and_does_not_affect_others() -> None:
    new_channel("cremona")
    results = follow_all([request("crema", 1), request("cremona", 2)])
    assert results[0] is None
    assert results[1] is not None


def test_new_followers_are_inserted_with_few_statements(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    new_channel("cremona")
    group = [request("cremona", number, topics=("strade",)) for number in range(200)]
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        follow_all(group)
    assert ChannelCount.objects.get().followers == 200


def test_known_device_changes_what_it_says() -> None:
    channel = new_channel("cremona")
    first = request("cremona", 1, topics=("strade",))
    assert follow(channel, first.token, address=first.address, topics=["strade"], language="it")
    moved = request("cremona", 2, token=first.token, language="en")
    (followed,) = follow_all([moved])
    assert followed is not None
    assert not followed.created
    assert followed.new_address_id == Address.objects.get().pk
    assert followed.follower.language == "en"
    assert [topic.slug for topic in followed.follower.topics.all()] == ["strade"]
    assert ChannelCount.objects.get().followers == 1


@pytest.mark.parametrize("came_by", [True, False])
def test_device_that_lost_its_cookie_is_not_counted_by_an_invite_again(came_by: bool) -> None:
    channel = new_channel("cremona")
    code = make_invite(channel).code
    follow_all([request("cremona", 1, invite=code if came_by else None)])
    (again,) = follow_all([request("cremona", 1, invite=code)])
    assert again is not None
    assert again.created
    assert Invite.objects.get().joined == came_by
    count = ChannelCount.objects.get()
    assert (count.followers, count.by_invite) == (1, int(came_by))


OLD, NEW = "the old key, of a good length ....", "the new key, of a good length ...."


def change_key(monkeypatch: pytest.MonkeyPatch, secret: str, old: str = "") -> None:
    changed = dataclasses.replace(keys.settings, secret_key=secret, old_secret_key=old)
    monkeypatch.setattr(keys, "settings", changed)


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize("others", [0, 3])
def test_address_sealed_with_the_old_key_is_found(
    monkeypatch: pytest.MonkeyPatch, others: int, has_cookie: bool
) -> None:
    change_key(monkeypatch, OLD)
    channel = new_channel("cremona")
    first = request("cremona", 0)
    follow_all([first])
    change_key(monkeypatch, NEW, OLD)
    again = first if has_cookie else dataclasses.replace(first, token=new_token())
    results = follow_all([*(request("cremona", 1 + n) for n in range(others)), again])
    followed = results[-1]
    assert followed is not None
    assert followed.created != has_cookie
    (row,) = followed.follower.addresses.all()
    assert followed.new_address_id == (None if has_cookie else row.pk)
    assert open_and_check(bytes(row.sealed), row.kind, channel.pk)[1]
    assert ChannelCount.objects.get().followers == Address.objects.count() == 1 + others


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize("old", ["", OLD])
def test_following_reads_no_other_followers(
    monkeypatch: pytest.MonkeyPatch, old: str, has_cookie: bool
) -> None:
    """Half a million may follow a channel, and each that follows again is looked for."""
    change_key(monkeypatch, NEW, old)
    new_channel("cremona")
    first = request("cremona", 1, topics=("strade",))
    follow_all([first])
    again = first if has_cookie else dataclasses.replace(first, token=new_token())
    with CaptureQueriesContext(connection) as queries:
        follow_all([again])
    plans = [
        step
        for query in queries
        if query["sql"].startswith(("SELECT", "UPDATE", "DELETE"))
        for step in _plan(query["sql"])
    ]
    assert any("fingerprint=?" in step for step in plans)
    each = [step for step in plans if re.search(r"\bfollowers_(?:address|follower)\b", step)]
    wide = re.compile(r"\bSCAN\b|\(channel_id=\?(?: AND kind=\?)?\)")
    assert [step for step in each if wide.search(step)] == []


def _plan(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}")
        return [str(row[-1]) for row in cursor.fetchall()]
