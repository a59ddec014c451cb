# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Staff see counts only, and none that tells what fewer than ten people want."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import translation

from canale.accounts.models import Membership, Role, Staff
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Topic
from canale.delivery.audience import shown
from canale.delivery.models import Broadcast
from canale.followers.follow import follow
from canale.followers.readers import new_token
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.wording import Wording


@pytest.fixture
def city(db: None) -> Channel:
    channel = create_channel("cremona", "Comune di Cremona")
    for slug in ("scuola", "strade"):
        Topic.objects.create(channel=channel, slug=slug, name=slug)
    for number in range(12):
        endpoint = {"endpoint": f"https://push.example/{number}"}
        topics = ["scuola"] if number < 3 else ["strade"]
        follow(channel, new_token(), address=("push", endpoint), topics=topics, language="it")
    return channel


@pytest.fixture
def newsroom(city: Channel) -> Client:
    staff = Staff.objects.create_user("a@cremona.test", "acqua alta")
    Membership.objects.create(staff=staff, channel=city, role=Role.ADMIN)
    client = Client(headers={"accept-language": "it"})
    client.force_login(staff)
    return client


def _draft(city: Channel, *topics: str) -> Post:
    return save_draft(city, Wording("news", "Titolo", "Testo", topics), by="cli")


def _page(newsroom: Client, path: str) -> str:
    answer = newsroom.get(f"/newsroom/c/cremona/{path}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_part_below_ten_is_no_number() -> None:
    with translation.override("en"):
        assert shown(3, 200) == "fewer than 10"
        assert shown(3, 5) == "fewer than 5"
    assert [shown(*pair) for pair in ((0, 5), (5, 5), (10, 200), (0, 0))] == ["0", "5", "10", "0"]


def test_the_question_before_publishing_hides_small_groups(city: Channel, newsroom: Client) -> None:
    few, all_of_them = _draft(city, "scuola"), _draft(city)
    asked = _page(newsroom, f"posts/{few.pk}/publish/")
    assert "Avvisa subito <strong>meno di 10</strong> telefoni." in asked
    asked = _page(newsroom, f"posts/{all_of_them.pk}/publish/")
    assert "Avvisa subito <strong>12</strong> telefoni." in asked


def test_what_arrived_hides_small_groups(city: Channel, newsroom: Client) -> None:
    post = publish(_draft(city, "scuola"), by="cli")
    Broadcast.objects.filter(post=post).update(accepted=3, skipped=9)
    arrived = _page(newsroom, f"posts/{post.pk}/progress/")
    assert "<dd>3</dd>" not in arrived
    assert "<dd>9</dd>" not in arrived
    assert arrived.count("<dd>meno di 10</dd>") == 2
    assert "meno di 10 di 12 telefoni" in _page(newsroom, "")
    # Nobody was left out: then it is no breakdown, and the pilot with nine phones sees all.
    Broadcast.objects.filter(post=post).update(accepted=9, gone=3, skipped=0)
    assert "<dd>9</dd>" in _page(newsroom, f"posts/{post.pk}/progress/")
