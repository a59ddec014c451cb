# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reactions and follows in groups: the same answers as Django's, and right counts however many
processes and threads act at once."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService

THUMB, HEART = "👍", "❤️"
READERS = 60
# They say in which language a text is; the quick answers hold none.
OF_TEXTS = {"content-language", "vary", "date"}


def token() -> str:
    return secrets.token_urlsafe(16)


def cookie(name: str) -> dict[str, str]:
    return {"Cookie": f"canale_follower={name}"}


def headers_of(answer: httpx.Response) -> dict[str, str]:
    kept = {name: text for name, text in answer.headers.items() if name not in OF_TEXTS}
    if "set-cookie" in kept:
        value, *attributes = kept["set-cookie"].split("; ")
        same = [one for one in attributes if not one.startswith("expires=")]
        kept["set-cookie"] = "; ".join([value[:16], *same])
    return kept


def both(site: Site, method: str, path: str, **sent: Any) -> tuple[httpx.Response, httpx.Response]:
    """The answer of the short way, and of Django's, which a query makes us take."""
    url = f"{site.api}{path}"
    return httpx.request(method, url, **sent), httpx.request(method, f"{url}?long=1", **sent)


def is_quick(answer: httpx.Response) -> bool:
    return "content-language" not in answer.headers


@pytest.mark.postgres
def test_reaction_gets_the_same_answer_as_from_django(module_site: Site) -> None:
    number = module_site.post(module_site.token())["id"]
    device = token()
    for emoji in (THUMB, HEART):
        quick, slow = both(
            module_site,
            "PUT",
            f"/posts/{number}/reaction",
            json={"emoji": emoji},
            headers={**cookie(device), "Sec-Fetch-Site": "same-origin"},
        )
        assert is_quick(quick)
        assert not is_quick(slow)
        assert quick.json() == slow.json() == {"counts": {emoji: 1}, "mine": emoji}
        assert quick.content == slow.content
        assert headers_of(quick) == headers_of(slow)
        assert device in quick.headers["set-cookie"]


def test_reader_without_a_cookie_gets_one(module_site: Site) -> None:
    number = module_site.post(module_site.token())["id"]
    url = f"{module_site.api}/posts/{number}/reaction"
    with httpx.Client() as device:
        answer = device.put(url, json={"emoji": THUMB}, headers={"Cookie": "canale_language=en"})
        assert is_quick(answer)
        assert device.put(url, json={"emoji": HEART}).json()["counts"] == {HEART: 1}


@pytest.mark.postgres
def test_follow_gets_the_same_answer_as_from_django(module_site: Site) -> None:
    module_site.inside("topics", ["Strade", "Cultura"])
    for wish in ({"topics": ["strade", "cultura"], "language": "en"}, {}):
        compare_following(module_site, wish)


def compare_following(module_site: Site, wish: dict[str, object]) -> None:
    answers = []
    for query in ("", "?long=1"):
        url = f"{module_site.api}/channels/{HANDLE}/followers{query}"
        with httpx.Client() as device:
            answers.append([device.post(url, json=wish), device.post(url, json={})])
    for quick, slow, status in zip(*answers, (201, 200), strict=True):
        assert is_quick(quick)
        assert not is_quick(slow)
        assert quick.status_code == slow.status_code == status
        assert quick.content == slow.content
        assert headers_of(quick) == headers_of(slow)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"emoji": "🍕"}}, 422),
        ({"json": {"emoji": THUMB, "more": 1}}, 422),
        ({"json": {"emoji": 5}}, 422),
        ({"json": [1]}, 422),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"\xff", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"emoji=1"}, 415),
        ({"json": {"emoji": "x" * 9_000}}, 413),
        ({"json": {"emoji": THUMB}, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"json": {"emoji": THUMB}, "headers": {"Origin": "https://evil.example"}}, 403),
    ],
)
def test_invalid_requests_are_passed_to_django(
    module_site: Site, sent: dict[str, Any], status: int
) -> None:
    number = module_site.post(module_site.token())["id"]
    quick, slow = both(module_site, "PUT", f"/posts/{number}/reaction", **sent)
    assert quick.status_code == slow.status_code == status
    assert quick.content == slow.content
    assert headers_of(quick) == headers_of(slow)
    assert not is_quick(quick)


@pytest.mark.postgres
def test_reaction_to_a_withdrawn_post_is_gone(module_site: Site) -> None:
    key = module_site.token()
    number = module_site.post(key)["id"]
    bearer = {"Authorization": f"Bearer {key}"}
    reason = {"reason": "Errore"}
    httpx.request("DELETE", f"{module_site.api}/posts/{number}", json=reason, headers=bearer)
    for path, status in ((f"/posts/{number}/reaction", 410), ("/posts/999999/reaction", 404)):
        quick, slow = both(module_site, "PUT", path, json={"emoji": THUMB})
        assert quick.status_code == slow.status_code == status
        assert quick.content == slow.content


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.mark.postgres
def test_concurrent_reactions_are_counted_exactly(tmp_path: Path, push: PushService) -> None:
    """Three processes; every reader changes its mind on three posts, some are forgotten."""
    environment = {"CANALE_WEB_PROCESSES": "3", "CANALE_PUSH_ORIGINS": push.origin}
    with new_site(tmp_path, **environment) as site:
        key = site.token()
        posts = [site.post(key)["id"] for _ in range(3)]
        subscriptions = push.subscribe(READERS)

        def live(number: int) -> list[int]:
            chance = random.Random(number)
            said = []
            with httpx.Client(timeout=60, verify=False, headers=cookie(token())) as device:
                wish = {"push": subscriptions[number], "topics": []}
                url = f"{site.api}/channels/{HANDLE}/followers"
                said += [device.post(url, json=wish).status_code for _ in range(2)]
                for _ in range(8):
                    post = f"{site.api}/posts/{chance.choice(posts)}/reaction"
                    if chance.random() < 0.2:
                        said.append(device.delete(post).status_code)
                    else:
                        emoji = chance.choice((THUMB, HEART))
                        said.append(device.put(post, json={"emoji": emoji}).status_code)
                if number % 10 == 0:
                    said.append(device.delete(f"{site.api}/me").status_code)
            return said

        with ThreadPoolExecutor(30) as town:
            said = {status for statuses in town.map(live, range(READERS)) for status in statuses}
        assert said == {200, 201, 204}
        shown = httpx.get(f"{site.api}/channels/{HANDLE}/posts").json()["posts"]
        assert {post["id"] for post in shown} == set(posts)
        for post in shown:
            assert post["reactions"] == site.inside("reaction_rows", post["id"])
        assert site.inside("follower_rows") == [READERS * 9 // 10] * 3
        assert "deadlock" not in site.log()
        assert "ERROR" not in site.log()
