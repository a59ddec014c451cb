# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Feeds and calendars that other programs can read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import httpx
import pytest
from icalendar import Calendar

from tests.site import HANDLE, Site
from tests.waiting import wait_until

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def event(module_site: Site) -> str:
    post = module_site.post(
        module_site.token(),
        kind="event",
        headline="Fiera & mercato <2>",
        text="In *piazza*",
        starts_at="2026-12-05T09:00:00+01:00",
        place="Piazza Roma",
    )
    return str(post["url"])


def feed(site: Site, form: str) -> httpx.Response:
    answer = httpx.get(f"{site.channel}feed.{form}")
    assert answer.status_code == 200
    return answer


def test_all_feeds_contain_the_same_post(module_site: Site, event: str) -> None:
    atom = ET.fromstring(feed(module_site, "atom").content)
    entry = atom.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == "Fiera & mercato <2>"
    assert entry.findtext(f"{ATOM}id") == event
    assert "<strong>piazza</strong>" in (entry.findtext(f"{ATOM}summary") or "")
    assert atom.findtext(f"{ATOM}author/{ATOM}name") == "Comune di Cremona"
    rss = ET.fromstring(feed(module_site, "rss").content)
    assert rss.findtext("channel/item/link") == event
    said = feed(module_site, "json").json()
    assert said["version"] == "https://jsonfeed.org/version/1.1"
    assert said["items"][0]["url"] == event


def test_withdrawn_event_is_cancelled_in_the_calendar(module_site: Site, event: str) -> None:
    entry = Calendar.from_ical(httpx.get(f"{event}.ics").content).walk("VEVENT")[0]
    assert str(entry["summary"]) == "Fiera & mercato <2>"
    assert entry["dtstart"].dt.astimezone(UTC) == datetime(2026, 12, 5, 8, tzinfo=UTC)
    assert (str(entry["location"]), str(entry["status"])) == ("Piazza Roma", "CONFIRMED")
    token = {"Authorization": f"Bearer {module_site.token()}"}
    number = event.rsplit("/", 1)[1]
    address = f"{module_site.api}/posts/{number}"
    httpx.request("DELETE", address, json={"reason": "Piove."}, headers=token)

    def cancelled() -> bool:
        entry = Calendar.from_ical(httpx.get(f"{event}.ics").content).walk("VEVENT")[0]
        return str(entry["status"]) == "CANCELLED" and int(entry["sequence"]) == 1

    wait_until(cancelled)
    # Its words were withdrawn too; after its thirty days nothing of it is left.
    said = httpx.get(f"{event}.ics").text
    assert "Piove." in said
    for word in ("Fiera", "piazza", "Piazza"):
        assert word not in said
    module_site.inside("age", 30)
    module_site.stop()
    module_site.start()
    assert httpx.get(f"{event}.ics").status_code == 410


def test_post_without_a_date_has_no_calendar(module_site: Site) -> None:
    post = module_site.post(module_site.token(), headline="Solo una notizia")
    assert httpx.get(f"{post['url']}.ics").status_code == 404
    assert httpx.get(f"{module_site.url}/c/{HANDLE}/p/999999.ics").status_code == 404
