# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every rendition of a post has the words as written: none changed, glued, renumbered or lost."""

from __future__ import annotations

import json
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser

import pytest
import regex
from django.test import Client
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from canale.channel.channels import create_channel
from canale.channel.characters import several_lines
from canale.channel.models import Post
from canale.channel.text import excerpt, render_html, render_plain
from canale.delivery.models import Broadcast
from canale.delivery.summary import BODY_LENGTH, summary
from canale.delivery.transports.webpush.payload import payload_of
from canale.delivery.transports.webpush.render import render
from canale.public.cards import cards
from canale.public.pages import show
from canale.public.rendered_cards import rendered_cards
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.syndication import calendar, feeds

EXAMPLES = settings(max_examples=25, deadline=None)
EXTRACTS = settings(max_examples=150, deadline=None)

starts = ["1. ", "3) ", "7) ", "12) ", "24) ", "18. ", "٣) ", "- ", "* ", "• ", "> ", ""]
pieces = [
    *("Linea 3", "*sospesa*", "_da_", "~9~", "`x1`", "all’*Anagrafe*", "*50*%", "2*3*4"),
    *("112", "il *118*", "800 123 456", "0372/407111", "+39 333 1234567", "3 112"),
    *("https://a.it/x_1", "‘www.b.it/è’", "info@comune.forlì.fc.it", "تنبيه", "חירום", "می‌خواهم"),
    *(
        "🇮🇹",
        "👨‍👩‍👧‍👦",
        "⚠️*Attenzione*",
        "1️⃣",
        "क्षि",
        "e\u0301",
        "①",
        "*Lunedì*–*venerdì*",
        "\ue000",
    ),
]
breaks = ["\n", "\n\n", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"]
words = st.one_of(st.sampled_from(pieces), st.text(max_size=12))
lines = st.builds(
    lambda start, said: start + " ".join(said), st.sampled_from(starts), st.lists(words, max_size=4)
)
texts = st.lists(st.tuples(lines, st.sampled_from(breaks)), min_size=1, max_size=8).map(
    lambda parts: "".join(line + end for line, end in parts)[:1000]
)
# Marks beside a character that Unicode has not assigned, that Python's tables do not have yet, or
# beside many that nobody sees.
UNASSIGNED = "1. 0\u31e6*0*\n*0*\u31e60\n(\U00010ec2*0*\n*0*\u0897\n*0*" + "\u200b" * 9 + "0"
LISTS = "3) Linea 3 sospesa\n7) Linea 7 deviata\n12) Linea 12 regolare\n\n1. a\n1. b\n24) c"


class Shown(HTMLParser):
    """The text of a page, with a line end wherever a block or a line ends.

    The title of a link to a site, which is what was typed, stands for the site's name.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.title = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.title = dict(attributes).get("title") or ""
        if tag not in {"strong", "em", "s", "code", "a"}:
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += self.title or data
        self.title = ""


def said(text: str) -> list[str]:
    """The words, as letters, digits and accents that stand together."""
    text = unicodedata.normalize("NFC", text)
    # Zero-width characters neither join nor part words; lone surrogates are refused.
    text = regex.sub(r"[\p{C}--[\p{Co}\s\x1c-\x1f]]", "", text, flags=regex.V1)
    return regex.findall(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*", text)


def letters(text: str) -> str:
    return "".join(regex.findall(r"[\p{L}\p{N}]", "".join(said(text))))


@EXTRACTS
@given(texts)
@example(LISTS)
@example(UNASSIGNED)
@example("Via Roma\vchiusa\x85oggi\u2028domani")
def test_html_and_plain_text_contain_every_word_in_order(text: str) -> None:
    tidied = several_lines(text)
    assert said(tidied) == said(text) or not tidied
    assert said(Shown(render_html(tidied)).text) == said(tidied)
    assert said(render_plain(tidied)) == said(tidied)


@EXTRACTS
@given(texts, st.integers(2, 300))
@example("3) a\n7) b\n12) c", 12)
def test_excerpt_is_the_beginning_of_the_text(text: str, length: int) -> None:
    tidied = several_lines(text)
    assert letters(tidied).startswith(letters(excerpt(tidied, length)))


facts_and_notes = st.one_of(
    st.just(""), st.text("àé 🎉·,", min_size=1, max_size=180).map(str.strip)
)


@EXTRACTS
@given(facts_and_notes, facts_and_notes, texts)
@example("sab 12 dic, 21:00", "", "👨‍👩‍👧‍👦 " * 200)
@example("", "", "- 🇮🇹🇮🇹\n" * 100)
def test_notification_body_begins_with_note_and_facts_and_tears_nothing(
    facts: str, note: str, text: str
) -> None:
    tidied = several_lines(text)
    body = summary(facts, tidied, note)
    first = "\n".join(part for part in (note, facts) if part)
    assert len(body) <= BODY_LENGTH
    assert body.startswith(first)
    whole = regex.findall(r"\X", "\n".join(part for part in (first, render_plain(tidied)) if part))
    kept = regex.findall(r"\X", body.removesuffix("…"))
    assert kept == whole[: len(kept)]


@pytest.fixture
def post(db: None) -> Post:
    city = create_channel("cremona", "Comune di Cremona")
    wording = Content("news", "Titolo", "Testo")
    return publish(save_draft(city, wording, by="cli"), by="cli")


Rendition = Callable[[Post], str]


def card(post: Post) -> str:
    # A published revision never changes, except in these tests.
    rendered_cards.clear()
    shown = cards(post.channel, [post], set(), timezone.now())[0]
    page = show("public/card.html", {"channel": post.channel, "card": shown}).content.decode()
    text = regex.search(r'<div class="text".*?(?=<div class="reactions)', page, regex.DOTALL)
    return text[0] if text else ""


def atom(post: Post) -> str:
    document = ET.fromstring(feeds.atom(post.channel, [post], timezone.now()))
    return document.findtext(".//{*}entry/{*}summary") or ""


def rss(post: Post) -> str:
    document = ET.fromstring(feeds.rss(post.channel, [post], timezone.now()))
    return document.findtext("channel/item/description") or ""


def json_feed(post: Post) -> str:
    item = json.loads(feeds.json_feed(post.channel, [post], timezone.now()))["items"][0]
    assert letters(post.content.text).startswith(letters(item.get("summary", "")))
    return str(item["content_html"])


def api(post: Post) -> str:
    answer = Client().get("/api/v1/channels/cremona/posts").json()["posts"][0]
    assert answer["text"] == post.content.text
    return str(answer["html"])


def entry(post: Post) -> str:
    """A calendar shows events and deadlines only."""
    post.content.kind, post.content.starts_at = "deadline", timezone.now() + timedelta(days=3)
    event = Calendar.from_ical(calendar.post_ics(post, timezone.now())).walk("VEVENT")[0]
    return str(event["description"]).rsplit("\n\nhttp", 1)[0].removeprefix("http://localhost")


PAGES: list[Rendition] = [card, atom, rss, json_feed, api]


@pytest.mark.parametrize("rendition", PAGES, ids=lambda rendition: rendition.__name__)
def test_pages_and_feeds_contain_every_word_in_order(post: Post, rendition: Rendition) -> None:
    @EXAMPLES
    @given(texts)
    @example(LISTS)
    @example(UNASSIGNED)
    def holds(text: str) -> None:
        assert said(Shown(rendition(rewritten(post, text))).text) == said(post.content.text)

    holds()


def test_calendars_and_notifications_contain_every_word_in_order(post: Post) -> None:
    @EXAMPLES
    @given(texts)
    @example(LISTS)
    @example(UNASSIGNED)
    def holds(text: str) -> None:
        rewritten(post, text)
        body = notification(post)["body"]
        assert letters(post.content.text).startswith(letters(body))
        if not body.endswith("…"):
            assert said(body) == said(post.content.text)
        if post.content.text:
            assert said(entry(post)) == said(post.content.text)
        post.content.kind, post.content.starts_at = "news", None

    holds()


def rewritten(post: Post, text: str) -> Post:
    """Store a text as publishing does; feeds and databases take no noncharacters."""
    wording = post.content.wording
    wording.text = several_lines(regex.sub(r"[\p{Cs}\p{NChar}]", "", text))
    wording.save(update_fields=["text"])
    return post


def notification(post: Post) -> dict[str, str]:
    now = timezone.now()
    broadcast = Broadcast(
        post=post, revision=post.content, purpose="post", created_at=now, expires_at=now
    )
    shown: dict[str, str] = json.loads(payload_of(render(broadcast.content(now), "en")))[
        "notification"
    ]
    return shown


@pytest.mark.parametrize(
    ("headline", "direction", "language"),
    [
        ("Mercato in piazza", "ltr", "it"),
        ("تنبيه: سيتم قطع المياه غدا!", "rtl", None),
        ("112 חירום", "rtl", None),
        ("112", "ltr", "it"),
    ],
)
@pytest.mark.parametrize("kind", ["news", "alert"])
def test_notification_has_the_direction_of_its_text(
    post: Post, kind: str, headline: str, direction: str, language: str | None
) -> None:
    """Not as the follower's language does, nor the word that is put before the headline."""
    post.content.kind, post.content.wording.headline = kind, headline
    shown = notification(post)
    assert (shown["dir"], shown.get("lang")) == (direction, language)


def test_feeds_have_no_empty_summary(post: Post) -> None:
    rewritten(post, "")
    assert b"<summary" not in feeds.atom(post.channel, [post], timezone.now())
    assert "summary" not in feeds.json_feed(post.channel, [post], timezone.now()).decode()
    rewritten(post, "Testo")
    assert b"<summary" in feeds.atom(post.channel, [post], timezone.now())
