# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Feeds and calendars of hostile posts, by the rules of their formats and an independent parser."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime
from email.utils import parsedate_to_datetime

import feedparser
import httpx
import pytest
from icalendar import Calendar

from tests.site import Site

ATOM = "{http://www.w3.org/2005/Atom}"
POSTS = [
    {"headline": "Solo un titolo", "text": ""},
    {"headline": "<b>Tag</b> & ]]> <![CDATA[ &amp; &#0;", "text": "<script>x</script> ]]>"},
    {"headline": "إغلاق شارع دانتي!", "text": "(12:00) – شارع"},
    {"headline": "Emoji 👨‍👩‍👧 🇮🇹 🏴󠁧󠁢󠁥󠁮󠁧󠁿 è", "text": "3) tre\n7) sette"},
    {"headline": "Fiera; virgole, \\n e \"virgolette\"", "text": "- uno\n- due\n> citato",
     "kind": "event", "starts_at": "2026-12-24", "place": "Piazza; del, Duomo\\"},
    {"headline": "Entro il giorno", "text": "www.comune.example", "kind": "deadline",
     "starts_at": "2027-12-16"},
]  # fmt: skip


@pytest.fixture(scope="module")
def site(module_site: Site) -> Site:
    token = module_site.token()
    urls = [str(module_site.post(token, **fields)["url"]) for fields in POSTS]
    module_site.withdraw(token, int(urls[2].rsplit("/", 1)[1]))
    return module_site


def feed(site: Site, form: str) -> httpx.Response:
    answer = httpx.get(f"{site.channel}feed.{form}")
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_independent_parser_reads_every_post(site: Site, form: str) -> None:
    answer = feed(site, form)
    parsed = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not parsed.bozo, parsed.bozo_exception
    titles = [entry.title for entry in reversed(parsed.entries)]
    # feedparser takes a title for HTML where it looks like it; those without marks stay.
    assert (titles[0], titles[2]) == (POSTS[0]["headline"], POSTS[3]["headline"])
    assert len(titles) == len(POSTS) - 1
    assert len({entry.id for entry in parsed.entries}) == len(parsed.entries)
    assert all(entry.published_parsed for entry in parsed.entries)


def test_atom_feed_follows_rfc_4287(site: Site) -> None:
    root = ET.fromstring(feed(site, "atom").content)
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            found = element.findall(f"{ATOM}{name}")
            assert len(found) == 1, f"{name}: exactly one (4.1.1, 4.1.2)"
            assert found[0].text
        assert datetime.fromisoformat(str(element.findtext(f"{ATOM}updated"))).tzinfo
    assert root.find(f"{ATOM}link[@rel='self']") is not None
    for entry in root.findall(f"{ATOM}entry"):
        assert entry.find(f"{ATOM}link[@rel='alternate']") is not None
        for name in ("summary", "content"):
            assert all(element.text for element in entry.findall(f"{ATOM}{name}"))


def test_rss_feed_follows_rss_2(site: Site) -> None:
    channel = ET.fromstring(feed(site, "rss").content).find("channel")
    assert channel is not None
    assert all(channel.findtext(name) for name in ("title", "link", "description"))
    for item in channel.findall("item"):
        assert item.findtext("title") or item.findtext("description")
        assert parsedate_to_datetime(str(item.findtext("pubDate"))).tzinfo
        assert str(item.findtext("guid")).startswith("http")


def test_json_feed_follows_version_1_1(site: Site) -> None:
    document = httpx.get(f"{site.channel}feed.json").json()
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(document["title"], str)
    for item in document["items"]:
        assert isinstance(item["id"], str)
        assert {"content_html", "content_text"} & item.keys()
        assert datetime.fromisoformat(item["date_published"]).tzinfo
        assert all(isinstance(tag, str) for tag in item["tags"])
        assert item.get("summary", "x")


def test_calendar_lines_follow_rfc_5545(site: Site) -> None:
    items = httpx.get(f"{site.channel}feed.json").json()["items"]
    files = [httpx.get(f"{item['url']}.ics") for item in items]
    calendars = [answer.content for answer in files if answer.status_code == 200]
    assert len(calendars) == 2
    for data in calendars:
        assert data.replace(b"\r\n", b"").count(b"\n") == 0
        assert max(map(len, data.split(b"\r\n"))) <= 75
        event = Calendar.from_ical(data).walk("VEVENT")[0]
        assert event["uid"]
        assert event["dtstamp"]
        assert "dtend" not in event or event["dtend"].dt > event["dtstart"].dt
        assert event.errors == []
