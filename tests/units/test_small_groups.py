# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Staff see counts only, and none that tells what fewer than ten people want."""

from __future__ import annotations

import itertools

import pytest
from django.test import Client
from django.utils import translation

from canale.accounts.models import Membership, Role, Staff
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Topic
from canale.delivery.audience import shown
from canale.delivery.models import Batch, Broadcast
from canale.delivery.progress import progress
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import ChannelCount
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish


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
    return save_draft(city, Content("news", "Titolo", "Testo", topics), by="cli")


def _page(newsroom: Client, path: str) -> str:
    answer = newsroom.get(f"/newsroom/c/cremona/{path}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_only_zero_and_everybody_are_shown_exactly() -> None:
    with translation.override("en"):
        assert shown(3, 200) == "fewer than 10"
        assert shown(3, 5) == "fewer than 5"
        assert shown(39, 40) == shown(30, 40) == "at least 30"
        assert shown(47, 200) == "at least 40"
    exact = ((0, 5), (5, 5), (40, 40), (0, 0))
    assert [shown(*pair) for pair in exact] == ["0", "5", "40", "0"]


Sizes = tuple[int, int, int, int]


def _chosen(sizes: Sizes) -> list[int]:
    """Count the recipients of a post without topics, with one, with the other, and with both.

    ``sizes`` are followers with nothing chosen (all topics), one topic, the other, and muted."""
    everything, one, other, _muted = sizes
    both = everything + one + other
    return [both, everything + one, everything + other, both]


@pytest.mark.parametrize("whole", [*range(3, 14), 19, 20, 21, 29, 30, 31, 40, 45])
def test_small_groups_cannot_be_derived_from_all_shown_numbers(whole: int) -> None:
    """For whatever is shown of all posts that can be written, each group that those numbers tell
    apart, and the difference between any two of them, may have several sizes, or none, or ten."""
    seen: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
    for everything in range(whole + 1):
        for one in range(whole + 1 - everything):
            for other in range(whole + 1 - everything - one):
                sizes = (everything, one, other, whole - everything - one - other)
                parts = _chosen(sizes)
                pages = tuple(shown(part, whole) for part in parts)
                groups = (*sizes, *parts, *(whole - part for part in parts))
                between = [abs(a - b) for a, b in itertools.combinations(parts, 2)]
                seen.setdefault(pages, []).append((*groups, *between))
    for pages, possible in seen.items():
        for sizes in zip(*possible, strict=True):
            known = set(sizes)
            assert len(known) > 1 or known.pop() in {0, *range(10, whole + 1), whole}, pages


def test_publish_confirmation_hides_small_groups(city: Channel, newsroom: Client) -> None:
    few, all_of_them = _draft(city, "scuola"), _draft(city)
    asked = _page(newsroom, f"posts/{few.pk}/publish/")
    assert "Telefoni avvisati subito: <strong>meno di 12</strong>." in asked
    asked = _page(newsroom, f"posts/{all_of_them.pk}/publish/")
    assert "Arriverà subito a <strong>12</strong> telefoni." in asked


def test_delivery_progress_hides_small_groups(city: Channel, newsroom: Client) -> None:
    post = publish(_draft(city, "scuola"), by="cli")
    Broadcast.objects.filter(post=post).update(accepted=3, skipped=9)
    arrived = _page(newsroom, f"posts/{post.pk}/progress/")
    assert "<dd>3</dd>" not in arrived
    assert "<dd>9</dd>" not in arrived
    assert arrived.count("<dd>meno di 12</dd>") == 2
    assert "meno di 12 su 12 telefoni" in _page(newsroom, "")
    # Nobody was left out: then it is no breakdown, and the pilot with nine phones sees all.
    Broadcast.objects.filter(post=post).update(accepted=9, gone=3, skipped=0)
    assert "<dd>9</dd>" in _page(newsroom, f"posts/{post.pk}/progress/")


def test_failure_counts_hide_small_groups(city: Channel, newsroom: Client) -> None:
    """A push service that refuses everything would count a topic's followers."""
    post = publish(_draft(city, "scuola"), by="cli")
    Broadcast.objects.filter(post=post).update(planned=60, rejected=21, gone=11, skipped=28)
    arrived = _page(newsroom, f"posts/{post.pk}/progress/")
    for number in (21, 11, 28):
        assert f"<dd>{number}</dd>" not in arrived
    assert arrived.count("<dd>almeno 20</dd>") == 2
    assert "<dd>almeno 10</dd>" in arrived


def test_invite_counts_hide_small_groups(city: Channel, newsroom: Client) -> None:
    ChannelCount.objects.filter(channel=city).update(followers=40, by_invite=39)
    assert "almeno 30 con un invito" in _page(newsroom, "")
    ChannelCount.objects.filter(channel=city).update(followers=40, by_invite=9)
    assert "con un invito" not in _page(newsroom, "")


@pytest.mark.parametrize(("people", "is_shown"), [(9, False), (10, True)])
def test_slo_is_shown_for_ten_people_or_more(city: Channel, people: int, is_shown: bool) -> None:
    post = publish(_draft(city, "scuola"), by="cli")
    Batch.objects.update(state=Batch.State.DONE)
    Broadcast.objects.filter(post=post).update(
        planned=12, accepted=people, skipped=12 - people, accepted_in_time=people
    )
    assert (progress(post)[0].objective is not None) is is_shown
