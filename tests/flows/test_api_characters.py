# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Characters that no keyboard types, in calls of programs and of readers' pages."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.site import HANDLE, Site

POSTS = f"channels/{HANDLE}/posts"
POST = {"kind": "news", "headline": "Titolo", "text": "Testo"}


@pytest.fixture(scope="module")
def program(module_site: Site) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {module_site.token()}"}
    with httpx.Client(base_url=f"{module_site.api}/", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def page(module_site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{module_site.api}/", timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        (r"\u0000", ""), (r"\u202e", ""), (r"\u0007", ""), ("😀", "😀"),
        ("\u0625\u0646", "\u0625\u0646"),
    ],
)  # fmt: skip
def test_unusual_characters_in_posts_are_removed_or_kept(
    program: httpx.Client, odd: str, kept: str
) -> None:
    kind = {"Content-Type": "application/json"}
    body = '{"kind": "alert", "headline": "a%sb", "text": "c%sd", "place": "e%sf"}'
    answer = program.post(POSTS, content=body.replace("%s", odd).encode(), headers=kind)
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    newest = program.get(POSTS).json()["posts"][0]
    said = newest["id"], newest["headline"], newest["text"], newest["place"]
    assert said == (number, f"a{kept}b", f"c{kept}d", f"e{kept}f")
    body = '{"note": "a%sb", "headline": "g%sh"}'.replace("%s", odd)
    corrected = program.patch(f"posts/{number}", content=body.encode(), headers=kind)
    assert corrected.status_code == 200, corrected.text
    assert program.get(POSTS).json()["posts"][0]["headline"] == f"g{kept}h"
    body = '{"reason": "i%sl"}'.replace("%s", odd)
    gone = program.request("DELETE", f"posts/{number}", content=body.encode(), headers=kind)
    assert gone.status_code == 200, gone.text


@pytest.mark.parametrize("odd", [r"\u0000", r"\ud800", r"\u202e", r"\u0007", "😀" * 20])
def test_unusual_characters_in_names_are_refused(
    module_site: Site, program: httpx.Client, page: httpx.Client, odd: str
) -> None:
    kind = {"Content-Type": "application/json"}
    number = program.post(POSTS, json=POST).json()["id"]
    before = module_site.inside("rows")
    topics = '{"kind": "news", "headline": "a", "text": "b", "topics": ["%s"]}'
    half_a_pair = r'{"kind": "news", "headline": "a\ud800", "text": "b", "place": "%s"}'
    calls = [
        (program, "POST", POSTS, topics),
        (program, "POST", POSTS, half_a_pair),
        (program, "POST", POSTS, '{"kind": "news", "headline": "a", "text": "b", "%s": 1}'),
        (page, "POST", f"channels/{HANDLE}/followers", '{"topics": ["%s"], "language": "it"}'),
        (page, "PUT", f"posts/{number}/reaction", '{"emoji": "%s"}'),
        (page, "PATCH", "me", '{"channel": "%s"}'),
    ]
    for client, method, path, body in calls:
        content = body.replace("%s", odd).encode()
        answer = client.request(method, path, content=content, headers=kind)
        assert answer.status_code in (404, 422), (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert module_site.inside("rows") == before
