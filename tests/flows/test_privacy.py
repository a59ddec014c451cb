# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Database, logs and public answers hold nothing that leads to a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.newsroom import Newsroom
from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import Behaviour, PushService
from tests.waiting import wait_until

# A loopback address of its own, so that finding it anywhere means that it was kept.
CITIZEN = "127.7.7.7"
EVENT = {"kind": "event", "starts_at": "2099-05-01T18:00:00+02:00"}


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def city(tmp_path: Path, push: PushService) -> Iterator[Site]:
    with new_site(tmp_path, CANALE_PUSH_ORIGINS=push.origin, CANALE_RATE_LIMITS="on") as site:
        yield site


@pytest.mark.quick
@pytest.mark.postgres
def test_stored_and_shown_data_identify_nobody(city: Site, push: PushService) -> None:
    subscription, broken = push.subscribe(2)
    transport = httpx.HTTPTransport(local_address=CITIZEN)
    # localhost may be ::1 first; the citizen's address is of IPv4.
    origin = f"http://127.0.0.1:{city.port}"
    browser = httpx.Client(transport=transport, base_url=origin, headers={"Origin": origin})
    body = {"push": subscription, "topics": [], "language": "it"}
    answers = [
        browser.post(f"/api/v1/channels/{HANDLE}/followers", json=body),
        # Refused ones are logged nowhere either.
        browser.post(
            f"/api/v1/channels/{HANDLE}/followers",
            json={**body, "push": {**subscription, "endpoint": "https://evil.example/secret-path"}},
        ),
        browser.get("/newsroom/accounts/login/"),
        browser.get("/does-not-exist"),
        browser.get("/newsroom/"),
    ]
    assert answers[0].status_code == 201, answers[0].text
    cookie = browser.cookies["canale_follower"]
    other = httpx.Client(transport=httpx.HTTPTransport(local_address=CITIZEN), base_url=origin)
    other.post(f"/api/v1/channels/{HANDLE}/followers", json={**body, "push": broken})
    push.behave(Behaviour(status=403), broken["endpoint"])
    token = city.token()
    post = int(str(city.post(token, headline="Riservatezza", text="Testo", **EVENT)["id"]))
    gone = int(str(city.post(token, headline="Ritirato")["id"]))
    wait_until(lambda: all(city.inside("counts", n)[0]["finished"] for n in (post, gone)))
    invited = browser.post(f"/api/v1/channels/{HANDLE}/invites", json={})
    answers += [
        browser.put(f"/api/v1/posts/{post}/reaction", json={"emoji": "👍"}),
        browser.put(f"/api/v1/posts/{gone}/reaction", json={"emoji": "👍"}),
        invited,
        browser.get("/api/v1/me"),
    ]
    reason = {"reason": "Errore"}
    bearer = {"Authorization": f"Bearer {token}"}
    httpx.request("DELETE", f"{city.api}/posts/{gone}", json=reason, headers=bearer)
    invite = urlsplit(invited.json()["url"]).path
    for path in (*_public_paths(post, gone), invite, f"{invite}/qr.svg"):
        answers.append(browser.get(path))
    with Reader(f"{city.url}/live/{HANDLE}", last_event_id=0) as reader:
        reader.wait_for("withdrawal", gone)
        told = str(reader.told)
    assert {answer.status_code for answer in answers} == {200, 201, 302, 404, 410, 422}
    kept = city.inside("dump")
    log = city.log()
    shown = "\n".join([told, *(answer.text + _headers(answer) for answer in answers)])
    # Each place would show a leak.
    assert "Riservatezza" in kept
    assert "Riservatezza" in shown
    assert f"{push.origin}: 403" in log

    secrets = {"the reader's cookie": cookie}
    for number, given in enumerate((subscription, broken)):
        secrets[f"endpoint {number}"] = given["endpoint"]
        secrets[f"endpoint's path {number}"] = urlsplit(given["endpoint"]).path.rsplit("/", 1)[1]
        secrets[f"p256dh {number}"] = given["keys"]["p256dh"]
        secrets[f"auth {number}"] = given["keys"]["auth"]
    secrets["the citizen's network address"] = CITIZEN
    for place, text in {"database": kept, "log": log, "answers": shown}.items():
        for name, secret in secrets.items():
            assert secret not in text, f"{name} is in the {place}"
    assert "secret-path" not in kept + log
    addresses = set(re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", kept))
    assert not addresses, f"network addresses in the database: {addresses}"


@pytest.mark.postgres
def test_stolen_database_cannot_be_used_to_sign_in(city: Site) -> None:
    newsroom = Newsroom(city)
    session = newsroom.browser.cookies["canale_staff"]
    assert session not in city.inside("dump")
    stolen = re.findall(r"^[0-9a-z]{32,40}$", city.inside("dump"), re.MULTILINE)
    assert stolen
    for key in stolen:
        thief = httpx.Client(base_url=city.url, cookies={"canale_staff": key})
        assert thief.get(newsroom.home).status_code == 302
    assert newsroom.browser.get(newsroom.home).url.path == newsroom.home
    newsroom.send("/newsroom/accounts/logout/")
    thief = httpx.Client(base_url=city.url, cookies={"canale_staff": session})
    assert thief.get(newsroom.home).status_code == 302


def test_data_folder_is_unreadable_to_other_users(city: Site) -> None:
    folder = Path(city.environment["CANALE_DATA"])
    Newsroom(city)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))}
    assert {name for name, mode in modes.items() if mode} == set()
    assert any(name.endswith("-wal") for name in modes)


def _headers(answer: httpx.Response) -> str:
    """But the reader's own cookie, which goes back to the reader alone."""
    kept = [header for header in answer.headers.multi_items() if header[0] != "set-cookie"]
    assert "set-cookie" not in answer.headers or "no-store" in answer.headers["cache-control"]
    return str(kept)


def _public_paths(post: int, gone: int) -> list[str]:
    pages = ["", "feed.atom", "feed.rss", "feed.json", "qr.svg", "qr.png", "poster.pdf"]
    pages += [f"p/{post}", f"p/{post}/card", f"p/{post}.ics", f"p/{gone}", f"p/{gone}/card"]
    pages += [f"older?before={post}", "avatar-192", "manifest.webmanifest"]
    return [
        "/",
        *(f"/c/{HANDLE}/{page}" for page in pages),
        "/privacy",
        "/legal",
        "/accessibility",
        "/media-policy",
        "/offline",
        "/favicon.ico",
        "/robots.txt",
        "/manifest.webmanifest",
        "/sw.js",
        f"/api/v1/channels/{HANDLE}",
        f"/api/v1/channels/{HANDLE}/posts",
        "/api/v1/openapi.json",
        "/healthz",
        "/readyz",
    ]
