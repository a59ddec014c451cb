# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Planning covers every address of the channel once; like reading it walks through no table."""

from __future__ import annotations

import os

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Topic
from canale.delivery.database_source import DatabaseSource
from canale.delivery.leases import BatchLease, claim
from canale.delivery.models import Broadcast
from canale.delivery.plan import BATCH_ADDRESSES
from canale.delivery.window import CHUNK_ADDRESSES
from canale.followers.models import Address, Follower
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.vault.sealing import seal

FOLLOWERS = 2 * BATCH_ADDRESSES + 1
TOPICS = 20


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona")


def follow(channel: Channel, count: int, kind: str = "push") -> list[int]:
    """Add ``count`` addresses, each fifth follower muted, and return their ids."""
    followers = Follower.objects.bulk_create(
        Follower(channel=channel, token_hash=os.urandom(32), muted=number % 5 == 0)
        for number in range(count)
    )
    rows = Address.objects.bulk_create(
        Address(
            channel=channel,
            follower=follower,
            kind=kind,
            sealed=seal({"endpoint": "https://push.example/1"}, kind, channel.pk),
            fingerprint=os.urandom(32),
        )
        for follower in followers
    )
    return [row.pk for row in rows]


def choose_topics(channel: Channel) -> None:
    """Every follower chooses every topic."""
    Topic.objects.bulk_create(
        Topic(channel=channel, slug=f"tema-{number}", name=f"Tema {number}")
        for number in range(TOPICS)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO followers_follower_topics (follower_id, topic_id) SELECT f.id, t.id"
            " FROM followers_follower f JOIN channel_topic t ON t.channel_id = f.channel_id"
        )


def published(channel: Channel, *topics: str) -> Broadcast:
    draft = save_draft(channel, Content("news", "Titolo", "Testo", topics), by="cli")
    publish(draft, by="cli")
    return Broadcast.objects.get(post=Post.objects.latest("pk"), transport="webpush")


@pytest.mark.parametrize("count", [0, 1, BATCH_ADDRESSES, FOLLOWERS])
def test_batches_cover_each_address_once_and_no_other_channel(city: Channel, count: int) -> None:
    other = create_channel("crema", "Comune di Crema")
    mine: list[int] = []
    for part in (count // 2, count - count // 2):
        mine += follow(city, part)
        follow(other, 7)
        follow(city, 3, kind="email")
    broadcast = published(city)
    batches = list(broadcast.batches.order_by("pk"))
    found = [
        address
        for batch in batches
        for address in mine
        if batch.first_address <= address <= batch.last_address
    ]
    assert found == mine
    assert broadcast.planned == count
    assert [batch.cursor for batch in batches] == [batch.first_address - 1 for batch in batches]
    assert len(batches) == -(-count // BATCH_ADDRESSES)


def test_planning_costs_one_query_per_batch(city: Channel) -> None:
    follow(city, 10)
    # The first post of a channel costs some of its own.
    published(city)
    with CaptureQueriesContext(connection) as few:
        published(city)
    follow(city, FOLLOWERS)
    with CaptureQueriesContext(connection) as many:
        published(city)
    assert len(many) - len(few) == FOLLOWERS // BATCH_ADDRESSES


def test_planning_and_reading_scan_no_table(city: Channel) -> None:
    others = [create_channel(f"citta-{number}", "Un'altra") for number in range(10)]
    for _ in range(2):
        follow(city, BATCH_ADDRESSES)
        for other in others:
            copy_addresses(city, other)
    said = statements_of_a_post(city)
    assert len(said) == 3 + 1
    for statement in said:
        how = explained(statement)
        assert "SCAN followers_" not in how, how
        assert "Seq Scan" not in how, how


def test_topics_are_looked_up_per_follower(city: Channel) -> None:
    follow(city, 2 * BATCH_ADDRESSES)
    choose_topics(city)
    how = explained(statements_of_a_post(city, "tema-1")[-1])
    if connection.vendor == "sqlite":
        assert "(follower_id=?" in how, how
    else:
        assert "(follower_id = followers_address.follower_id)" in how, how


def statements_of_a_post(channel: Channel, *topics: str) -> list[str]:
    """Return the statements of planning and of the first chunk on the table of addresses."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Autovacuum does it before long; SQLite never does.
            cursor.execute("ANALYZE")
            # The value of deploy/postgresql.conf.
            cursor.execute("SET LOCAL random_page_cost = 1.1")
    with CaptureQueriesContext(connection) as planning:
        published(channel, *topics)
    batch = claim("w", timezone.now(), urgent=False)
    assert batch is not None
    with CaptureQueriesContext(connection) as reading:
        chunk = BatchLease(batch, "w", DatabaseSource()).read(timezone.now())
    assert chunk.seen == CHUNK_ADDRESSES
    return [
        query["sql"]
        for query in (*planning, *reading)
        if query["sql"].startswith("SELECT") and '"followers_address"' in query["sql"]
    ]


def copy_addresses(given: Channel, taker: Channel) -> None:
    """Those that the taker has not, in the database itself: it is only about how many there are."""
    names = "follower_id, kind, sealed, fingerprint"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO followers_address (channel_id, {names}) SELECT %s, {names}"
            " FROM followers_address WHERE channel_id = %s AND fingerprint NOT IN"
            " (SELECT fingerprint FROM followers_address WHERE channel_id = %s)",
            [taker.pk, given.pk, taker.pk],
        )


def explained(statement: str) -> str:
    """The database's plan, as text."""
    word = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{word} {statement}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
