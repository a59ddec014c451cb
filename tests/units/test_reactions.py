# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reactions in groups: the counters always say what the rows say."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db.models import Count
from django.utils import timezone

from canale.channel.channel_models import DEFAULT_REACTIONS
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, State
from canale.reactions.models import Reaction, Tally, Unannounced
from canale.reactions.react import ReactionChange, apply_changes, forget
from canale.reactions.tallies import counts

pytestmark = pytest.mark.django_db
THUMB, HEART = DEFAULT_REACTIONS[:2]


@pytest.fixture
def channel() -> Channel:
    return create_channel("cremona", "Cremona")


def published(channel: Channel) -> Post:
    now = timezone.now()
    return Post.objects.create(
        channel=channel,
        state=State.PUBLISHED,
        published_at=now - timedelta(minutes=1),
        visible_until=now + timedelta(days=1),
    )


def reader(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_later_reaction_replaces_an_earlier_one_in_the_same_group(channel: Channel) -> None:
    post = published(channel)
    acts = [ReactionChange(post.pk, reader(1), THUMB), ReactionChange(post.pk, reader(1), HEART)]
    assert apply_changes(acts, timezone.now()) == [{HEART: 1}, {HEART: 1}]
    assert Unannounced.objects.filter(post=post).exists()


def test_refused_reaction_changes_nothing_and_affects_no_other(channel: Channel) -> None:
    post, withdrawn = published(channel), published(channel)
    Post.objects.filter(pk=withdrawn.pk).update(state=State.WITHDRAWN)
    acts = [
        ReactionChange(post.pk, reader(1), THUMB),
        ReactionChange(post.pk, reader(2), "🍕"),
        ReactionChange(withdrawn.pk, reader(3), THUMB),
        ReactionChange(10**15, reader(4), THUMB),
    ]
    assert apply_changes(acts, timezone.now()) == [{THUMB: 1}, None, None, None]
    assert Reaction.objects.count() == 1


def test_repeated_reaction_is_not_an_event(channel: Channel) -> None:
    post = published(channel)
    apply_changes([ReactionChange(post.pk, reader(1), THUMB)], timezone.now())
    Unannounced.objects.all().delete()
    assert apply_changes([ReactionChange(post.pk, reader(1), THUMB)], timezone.now()) == [
        {THUMB: 1}
    ]
    assert not Unannounced.objects.exists()


@pytest.mark.parametrize("seed", range(5))
def test_counters_match_the_rows(channel: Channel, seed: int) -> None:
    chance = random.Random(seed)
    posts = [published(channel).pk for _ in range(3)]
    wanted: dict[tuple[int, bytes], str | None] = {}
    for _ in range(20):
        acts = [
            ReactionChange(chance.choice(posts), reader(chance.randrange(30)), emoji)
            for emoji in chance.choices((None, *DEFAULT_REACTIONS), k=chance.randrange(40))
        ]
        apply_changes(acts, timezone.now())
        wanted.update({act.key: act.emoji for act in acts})
    forget(reader(7))
    wanted.update({key: None for key in wanted if key[1] == reader(7)})
    rows = Reaction.objects.values_list("post_id", "token_hash", "emoji")
    kept = {(post, bytes(token)): emoji for post, token, emoji in rows}
    assert kept == {key: emoji for key, emoji in wanted.items() if emoji}
    said = Reaction.objects.values_list("post_id", "emoji").annotate(count=Count("id"))
    expected: dict[int, dict[str, int]] = {post: {} for post in posts}
    for post_id, emoji, count in said:
        expected[post_id][emoji] = count
    assert counts(posts) == expected
    assert not Tally.objects.filter(count__lt=0).exists()


def test_group_costs_as_many_statements_as_a_single_reaction(
    channel: Channel, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    post = published(channel)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        apply_changes(
            [ReactionChange(post.pk, reader(n), THUMB) for n in range(300)], timezone.now()
        )
    assert counts([post.pk])[post.pk] == {THUMB: 300}
