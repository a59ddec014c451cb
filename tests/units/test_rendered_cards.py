# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cards come from memory, and read as if they had just been rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.signals import template_rendered
from django.test.utils import CaptureQueriesContext
from django.utils.safestring import SafeString

from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Revision, Topic, Wording
from canale.public.rendered_cards import CardHtml, CardKey, RenderedCards, rendered_cards
from canale.publishing.content import Content, NewImage
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw
from canale.reactions.react import react
from tests.pictures import RGB, png

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# The next day is another year.
NOON = datetime(2026, 12, 31, 12, tzinfo=ZoneInfo("Europe/Rome"))
LANGUAGES = ("it", "en")
PICTURE = png(8, RGB)


class Clock:
    def __init__(self) -> None:
        self.now = NOON


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock.now)
    return clock


@dataclass
class City:
    channel: Channel
    clock: Clock
    alert: Post
    event: Post
    deadline: Post
    day: Post
    service: Post
    album: Post

    def publish(self, content: Content) -> Post:
        return _published(self.channel, content, self.clock.now)


def _published(channel: Channel, content: Content, now: datetime) -> Post:
    return publish(save_draft(channel, content, by="cli"), by="cli", now=now)


@pytest.fixture
def city(db: None, clock: Clock) -> City:
    """A channel with a post of each kind, published the day before except the alert."""
    channel = create_channel("cremona", "Comune di Cremona")
    for name in ("Strade", "Scuola"):
        Topic.objects.create(channel=channel, slug=name.lower(), name=name)
    start, eve = NOON + 2 * HOUR, NOON - DAY
    album = Content("news", "Foto", "*Belle*", images=(NewImage(PICTURE, "Il Torrazzo"),))
    return City(
        channel,
        clock,
        event=_published(
            channel,
            Content("event", "Concerto", "", starts_at=start, ends_at=start + HOUR, place="Duomo"),
            eve,
        ),
        deadline=_published(channel, Content("deadline", "Bando", "", starts_at=start), eve),
        day=_published(channel, Content("event", "Fiera", "", starts_at=start.date()), eve),
        service=_published(
            channel,
            Content("service", "Acqua", "", ends_at=start, topics=("strade", "scuola")),
            eve,
        ),
        album=_published(channel, album, eve),
        alert=_published(channel, Content("alert", "Piena", "", ends_at=NOON + 9 * HOUR), NOON),
    )


def _get(path: str, language: str = "it") -> str:
    answer = Client().get(path, headers={"accept-language": language})
    return f"{answer.status_code} {answer.content.decode()}"


def _pages() -> list[str]:
    """The channel's page in each language."""
    return [_get("/", language) for language in LANGUAGES]


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Collect the headlines of the cards that are rendered within the block."""
    headlines: list[str] = []

    def note(template: Any, context: Any, **_rest: object) -> None:
        if template.name == "public/parts/post.html":
            headlines.append(context["card"].content.headline)

    template_rendered.connect(note)
    try:
        yield headlines
    finally:
        template_rendered.disconnect(note)


def _later(by: timedelta) -> Callable[[City], None]:
    def change(city: City) -> None:
        city.clock.now += by

    return change


def _all_clear(city: City) -> None:
    city.publish(Content("alert", "Cessata", "", all_clear_of=city.alert.pk))


def _correct(city: City) -> None:
    correct(
        city.service,
        Content("service", "Acqua e gas", "", ends_at=NOON + DAY),
        note="L’ora",
        by="cli",
        now=city.clock.now,
    )


def _correct_twice(city: City) -> None:
    _correct(city)
    _pages()
    city.clock.now += HOUR
    _correct(city)


def _replace_picture(city: City) -> None:
    images = (NewImage(PICTURE, "Il Duomo"), NewImage(PICTURE, "Il Battistero"))
    content = Content("news", "Foto", "*Belle*", images=images)
    correct(city.album, content, note="Le foto", by="cli", now=city.clock.now)


def _rename_topic(_city: City) -> None:
    Topic.objects.filter(slug="strade").update(name="Strade e <piazze>")


def _remove_topic(_city: City) -> None:
    Topic.objects.filter(slug="strade").delete()


def _make_topic_again(city: City) -> None:
    """The posts of the former one are not under it."""
    Topic.objects.filter(slug="strade").delete()
    Topic.objects.create(channel=city.channel, slug="strade", name="Strade")


def _offer_other_reactions(_city: City) -> None:
    Channel.objects.update(reaction_set=["🎉", "👍"])


def _rename_channel(_city: City) -> None:
    Channel.objects.update(handle="crema")


def _react(city: City) -> None:
    react(city.album, b"1" * 32, "👏")


def _change_reaction(city: City) -> None:
    _react(city)
    _pages()
    react(city.album, b"1" * 32, "👍")


def _keep_longer(_city: City) -> None:
    Post.objects.update(visible_until=NOON + 60 * DAY)


def _move_publication(city: City) -> None:
    Post.objects.filter(pk=city.album.pk).update(published_at=NOON - 2 * DAY)


def _delete_ended_alert(city: City) -> None:
    _all_clear(city)
    _pages()
    Post.objects.filter(pk=city.alert.pk).update(live=None)
    city.alert.revisions.all().delete()
    Post.objects.filter(pk=city.alert.pk).delete()


def _restore_another_database(city: City) -> None:
    """Its revision of this number was published at another moment, and says something else."""
    Revision.objects.filter(live_in=city.album).update(published_at=NOON - 3 * HOUR)
    Wording.objects.filter(revision__live_in=city.album).update(headline="Altra città")


CHANGES = {
    "event over, with its end": _later(4 * HOUR),
    "deadline and disruption over": _later(2 * HOUR + timedelta(seconds=1)),
    "alert over": _later(10 * HOUR),
    "next day and year": _later(DAY),
    "two days later": _later(2 * DAY),
    "all-clear": _all_clear,
    "correction": _correct,
    "second correction": _correct_twice,
    "pictures replaced": _replace_picture,
    "topic renamed": _rename_topic,
    "topic removed": _remove_topic,
    "topic made again": _make_topic_again,
    "other reactions offered": _offer_other_reactions,
    "channel renamed": _rename_channel,
    "reaction": _react,
    "reaction changed": _change_reaction,
    "visible for longer": _keep_longer,
    "published at another time": _move_publication,
    "ended alert deleted": _delete_ended_alert,
    "database restored": _restore_another_database,
    "withdrawal": lambda city: withdraw(city.album, reason="Errore", by="cli"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_pages_with_cards_from_memory_read_as_if_rendered_now(
    city: City, change: Callable[[City], None]
) -> None:
    before = _pages()
    change(city)
    from_memory = _pages()
    assert from_memory != before
    rendered_cards.clear()
    assert from_memory == _pages()


@pytest.mark.parametrize(
    ("after", "over"),
    [
        (timedelta(0), []),
        (2 * HOUR + timedelta(seconds=1), ["deadline", "service"]),
        (4 * HOUR, ["deadline", "event", "service"]),
        (10 * HOUR, ["alert", "deadline", "event", "service"]),
        (12 * HOUR + timedelta(seconds=1), ["alert", "day", "deadline", "event", "service"]),
    ],
)
def test_cards_from_memory_show_what_has_ended(
    city: City, after: timedelta, over: list[str]
) -> None:
    kinds = ("alert", "deadline", "event", "day", "service", "album")
    _get("/")
    city.clock.now += after
    page = _get("/")
    articles = {
        kind: page.split(f'id="post-{getattr(city, kind).pk}"')[0].rsplit("<article", 1)[1]
        for kind in kinds
    }
    assert sorted(kind for kind in kinds if "post-over" in articles[kind]) == over
    assert ("data-pinned" in page) is ("alert" not in over)


def test_new_post_renders_only_its_own_card(city: City) -> None:
    for language in LANGUAGES:
        _get("/", language)
    city.publish(Content("news", "Nuova", "Testo"))
    for language in LANGUAGES:
        with _counted() as rendered:
            assert "Nuova" in _get("/", language)
        assert rendered == ["Nuova"]
        with _counted() as rendered:
            _get("/", language)
        assert rendered == []


def test_reaction_renders_only_its_own_card(city: City) -> None:
    _get("/")
    react(city.album, b"1" * 32, "👏")
    with _counted() as rendered:
        assert '<span data-count="1">1</span>' in _get("/")
    assert rendered == ["Foto"]


def test_pages_of_a_channel_share_cards(city: City) -> None:
    _get("/")
    with _counted() as rendered:
        for path in ("/", f"/c/cremona/p/{city.album.pk}", f"/c/cremona/p/{city.album.pk}/card"):
            assert "Foto" in _get(path)
    assert rendered == []


def test_cards_in_memory_query_no_texts_and_images(city: City) -> None:
    _get("/")
    with CaptureQueriesContext(connection) as queries:
        _get("/")
    asked = " ".join(query["sql"] for query in queries)
    assert 'FROM "channel_post"' in asked
    for table in ("channel_wording", "channel_revision_topics", "channel_revisionimage"):
        assert f'"{table}"' not in asked


KEY = CardKey(
    revision=1,
    revised_at=None,
    all_clear_of=None,
    published_at=None,
    visible_until=None,
    handle="cremona",
    topics=(),
    counts=(),
    preview=(),
    is_over=False,
    is_pinned=False,
    today=date(2026, 12, 31),
    language="it",
)
CARD = CardHtml(SafeString("x" * 1_000), SafeString())


def test_cards_used_least_recently_leave_memory() -> None:
    cards = RenderedCards(max_bytes=4_000)
    one, two, three, four = (KEY._replace(revision=number) for number in range(1, 5))
    for key in (one, two, three):
        cards.keep(key, CARD)
        cards.keep(key, CARD)
    assert cards.get(one) is CARD
    cards.keep(four, CARD)
    assert [key.revision for key in (one, two, three, four) if cards.get(key)] == [1, 3, 4]
    cards.clear()
    assert cards.get(one) is None
    cards.keep(one, CARD)
    assert cards.get(one) is CARD
