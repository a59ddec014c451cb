# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""When and where a post is about, in words: on the page, in notifications, feeds, calendars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation
from icalendar import Calendar, Event

from canale.channel.dates import elided
from canale.channel.models import Channel, Post, Revision
from canale.channel.moments import Times, Written, times_of
from canale.channel.when import when
from canale.delivery.models import Broadcast
from canale.delivery.summary import BODY_LENGTH
from canale.delivery.transports.webpush.payload import SHRUNK, payload_of
from canale.delivery.transports.webpush.render import render
from canale.newsroom.publish_views import goes_before
from canale.publishing.content import Content
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.syndication.calendar import post_ics
from canale.syndication.feeds import atom, json_feed, rss

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 30, 10, tzinfo=ROME)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ROME)


def on(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("kind", "start", "end", "said"),
    [
        ("event", at("2026-12-12T21:00"), None, "sabato 12 dicembre, ore 21:00"),
        ("event", at("2027-05-01T21:00"), None, "sabato 1° maggio 2027, ore 21:00"),
        ("event", at("2026-12-12T21:00"), at("2026-12-12T23:00"),
         "sabato 12 dicembre, ore 21:00–23:00"),
        ("event", at("2026-12-31T22:00"), at("2027-01-01T02:00"),
         "giovedì 31 dicembre, ore 22:00 – venerdì 1° gennaio 2027, ore 02:00"),
        ("event", on("2026-12-16"), None, "mercoledì 16 dicembre"),
        ("event", on("2026-12-16"), on("2026-12-16"), "mercoledì 16 dicembre"),
        ("event", on("2026-12-16"), on("2026-12-18"),
         "mercoledì 16 dicembre – venerdì 18 dicembre"),
        ("event", at("2026-12-16T09:00"), on("2026-12-16"), "mercoledì 16 dicembre, ore 09:00"),
        ("event", at("2026-12-16T09:00"), on("2026-12-18"),
         "mercoledì 16 dicembre, ore 09:00 – venerdì 18 dicembre"),
        ("event", at("2026-12-16T09:00"), at("2026-12-16T09:00"),
         "mercoledì 16 dicembre, ore 09:00"),
        ("deadline", on("2026-12-16"), None, "Entro mercoledì 16 dicembre"),
        ("deadline", on("2027-12-16"), None, "Entro giovedì 16 dicembre 2027"),
        ("deadline", at("2026-12-16T12:00"), None, "Entro mercoledì 16 dicembre, ore 12:00"),
        ("service", None, on("2026-12-18"), "Fino a venerdì 18 dicembre"),
        ("service", on("2026-12-16"), at("2026-12-16T13:00"),
         "mercoledì 16 dicembre, fino alle 13:00"),
        ("service", on("2026-12-03"), on("2026-12-05"),
         "Da giovedì 3 dicembre a sabato 5 dicembre"),
        ("service", on("2026-12-03"), None, "Da giovedì 3 dicembre"),
        ("service", at("2026-12-03T08:00"), None, "Da giovedì 3 dicembre, ore 08:00"),
        ("service", at("2026-12-03T08:00"), on("2026-12-05"),
         "giovedì 3 dicembre, ore 08:00 – sabato 5 dicembre"),
        ("service", at("2026-12-03T09:00"), at("2026-12-03T15:00"),
         "giovedì 3 dicembre, ore 09:00–15:00"),
        ("service", on("2026-12-03"), on("2026-12-03"), "giovedì 3 dicembre"),
        ("alert", None, at("2026-12-01T06:00"), "Fino a martedì 1° dicembre, ore 06:00"),
        ("news", None, None, ""),
    ],
)  # fmt: skip
def test_date_has_its_year_if_it_is_not_the_current_one(
    kind: str, start: Written | None, end: Written | None, said: str
) -> None:
    assert when(kind, times_of(kind, start, end), NOW) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resta online fino al 8 dicembre", "Resta online fino all’8 dicembre"),
        ("Resta online fino al 18 dicembre", "Resta online fino al 18 dicembre"),
        ("il 11/11 alle 1:20", "l’11/11 all’1:20"),
        ("il 1/12 alle 11:20", "il 1/12 alle 11:20"),
    ],
)
def test_italian_articles_are_elided_before_a_vowel(text: str, said: str) -> None:
    with translation.override("it"):
        assert elided(text) == said
    with translation.override("en"):
        assert elided(text) == text


def test_service_that_begins_tomorrow_does_not_read_as_in_force() -> None:
    times = times_of("service", on("2026-12-01"), on("2026-12-02"))
    said = "Da domani a mercoledì 2 dicembre"
    assert when("service", times, NOW, relative=True) == said
    assert when("service", times, NOW, short=True) == "Da mar 1° dic a mer 2 dic"
    with translation.override("en"):
        said = "From Tuesday 1 December to Wednesday 2 December"
        assert when("service", times, NOW) == said


def test_dates_are_english_in_english() -> None:
    with translation.override("en"):
        timed = Times(starts_at=at("2026-12-12T21:00"))
        assert when("event", timed, NOW) == "Saturday 12 December at 21:00"
        assert when("event", timed, NOW, short=True) == "Sat 12 Dec, 21:00"


def test_a_day_stays_the_same_day_when_the_zone_changes() -> None:
    timed = times_of("event", on("2026-12-16"), None)
    with timezone.override("America/New_York"):
        assert when("event", timed, NOW) == "mercoledì 16 dicembre"


@pytest.fixture
def city(db: None) -> Iterator[Channel]:
    with translation.override("it"):
        yield Channel.objects.create(handle="cremona", name="Cremona")


def published(city: Channel, kind: str, text: str = "", **more: object) -> Post:
    wording = Content(kind, more.pop("headline", "Concerto"), text, **more)  # type: ignore[arg-type]
    return publish(save_draft(city, wording, by="cli"), by="cli", now=NOW)


def notified(post: Post, language: str = "it") -> tuple[str, str]:
    revision = post.content
    later = "correction" if revision.number > 1 else "post"
    broadcast = Broadcast(
        post=post, revision=revision, purpose=later, expires_at=NOW, created_at=NOW
    )
    message = render(broadcast.content(NOW), language)
    return message.title, message.body


def test_notification_starts_with_date_and_place(city: Channel) -> None:
    start = at("2026-12-12T21:00")
    post = published(city, "event", "Porta la sedia.", starts_at=start, place="Piazza Duomo")
    assert notified(post) == (
        "Concerto",
        "sab 12 dic, 21:00 · Piazza Duomo\nPorta la sedia.",
    )
    assert notified(post, "en")[1].startswith("Sat 12 Dec, 21:00 · Piazza Duomo\n")
    due = published(city, "deadline", starts_at=on("2026-12-16"))
    assert notified(due)[1] == "Entro mer 16 dic"
    closed = published(city, "service", "Via Dante.", ends_at=on("2027-01-08"))
    assert notified(closed)[1] == "Fino a ven 8 gen 2027\nVia Dante."
    assert notified(published(city, "news", "Solo testo."))[1] == "Solo testo."


def test_correction_notification_starts_with_what_changed(city: Channel) -> None:
    start = at("2026-12-12T21:00")
    post = published(city, "event", "Porta la sedia.", starts_at=start, place="Piazza Duomo")
    later = Content("event", "Concerto", "Porta la sedia.", starts_at=at("2026-12-13T18:00"))
    correct(post, later, note="Rinviato di un giorno.", by="cli", now=NOW)
    post.refresh_from_db()
    assert notified(post) == (
        "Corretto: Concerto",
        "Rinviato di un giorno.\ndom 13 dic, 18:00\nPorta la sedia.",
    )


def test_the_longest_notification_keeps_time_and_place(city: Channel) -> None:
    place = "Sala 🎉" * 17
    post = published(city, "event", "🚧" * 1000, starts_at=at("2026-12-12T21:00"), place=place)
    body = notified(post)[1]
    assert len(body) <= BODY_LENGTH
    revision = post.content
    broadcast = Broadcast(
        post=post, revision=revision, purpose="post", expires_at=NOW, created_at=NOW
    )
    shown = json.loads(payload_of(render(broadcast.content(NOW), "it"), SHRUNK))["notification"]
    assert shown["body"].startswith("sab 12 dic, 21:00 · Sala")


def test_feeds_contain_date_and_place(city: Channel) -> None:
    published(city, "event", "Porta la sedia.", starts_at=on("2027-05-01"), place="Piazza <Duomo>")
    posts = list(Post.objects.select_related("channel"))
    facts = "sabato 1° maggio 2027 · Piazza <Duomo>"
    item = json.loads(json_feed(city, posts, NOW))["items"][0]
    assert item["summary"].startswith(f"{facts}\n")
    assert item["content_html"].startswith("<p>sabato 1° maggio 2027 · Piazza &lt;Duomo&gt;</p>")
    for feed in (atom, rss):
        assert "sabato 1° maggio 2027" in feed(city, posts, NOW).decode()


def entry_of(post: Post) -> Event:
    ics = post_ics(post, NOW)
    assert b"METHOD" not in ics
    event: Event = Calendar.from_ical(ics).walk("VEVENT")[0]
    return event


def test_a_whole_day_is_a_date_in_the_calendar(city: Channel) -> None:
    entry = entry_of(published(city, "event", starts_at=on("2026-12-16")))
    assert b"DTSTART;VALUE=DATE:20261216" in entry.to_ical()
    assert "dtend" not in entry
    entry = entry_of(published(city, "event", starts_at=on("2026-12-16"), ends_at=on("2026-12-18")))
    assert entry["dtend"].dt == on("2026-12-19")
    same = entry_of(published(city, "event", starts_at=on("2026-12-16"), ends_at=on("2026-12-16")))
    assert "dtend" not in same


def test_deadline_without_a_time_ends_with_its_day(city: Channel) -> None:
    post = published(city, "deadline", starts_at=on("2026-12-16"))
    assert post.content.starts_at == at("2026-12-16T23:59")
    entry = entry_of(post)
    assert entry["dtstart"].dt == post.content.starts_at
    alarm = entry.walk("VALARM")[0]
    assert post.content.starts_at + alarm["trigger"].dt == at("2026-12-15T09:00")


def test_no_calendar_entry_has_zero_length(city: Channel) -> None:
    start = at("2026-12-16T21:00")
    post = published(city, "event", starts_at=start, ends_at=start)
    assert post.content.ends_at is None
    # An older version stored it like this.
    post.content.ends_at = start
    entry = entry_of(post)
    assert entry["dtend"].dt > entry["dtstart"].dt


def test_publisher_is_warned_if_the_post_expires_before_its_event(city: Channel) -> None:
    until = NOW + timedelta(days=30)
    earlier, later = until - timedelta(days=1), until + timedelta(days=1)
    assert goes_before(Revision(kind="event", starts_at=later), until) == "start"
    assert goes_before(Revision(kind="deadline", starts_at=later), until) == "start"
    assert goes_before(Revision(kind="service", ends_at=later), until) == "end"
    assert goes_before(Revision(kind="service", starts_at=later), until) == "end"
    assert goes_before(Revision(kind="event", starts_at=earlier), until) == ""
    assert goes_before(Revision(kind="news"), until) == ""


@pytest.mark.parametrize("kind", ["deadline", "event", "news"])
def test_year_is_left_out_in_the_year_of_reading_alone(kind: str) -> None:
    day = at("2031-05-01T21:00")
    timed = Times(starts_at=day) if kind != "news" else Times(ends_at=day)
    with translation.override("it"):
        assert "2031" not in when(kind, timed, at("2031-01-01T00:00"))
        assert "maggio 2031" in when(kind, timed, at("2030-12-31T23:59"))
