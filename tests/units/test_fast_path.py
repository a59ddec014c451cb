# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The fast path's handling of calls that it cannot perform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError
from django.http import HttpRequest

from canale.api import fast_path, guards
from canale.reactions.react import ReactionChange

# A reader's mark is made with a key that the database keeps.
pytestmark = pytest.mark.django_db

PATH = "/api/v1/posts/5/reaction"
BODY = b'{"emoji": "x"}'


def scope(**more: Any) -> dict[str, Any]:
    headers = [
        (b"host", b"localhost"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ]
    call = {"type": "http", "method": "PUT", "path": PATH, "query_string": b""}
    return {**call, "client": ("192.0.2.1", 5), "headers": headers, **more}


class Django:
    """Stands behind: keeps what it was handed."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])


def call(
    monkeypatch: pytest.MonkeyPatch, outcome: object, *, body: Sequence[bytes] = (BODY,)
) -> tuple[Django, list[dict[str, Any]]]:
    """One call whose act has an outcome; what Django was handed, and what was answered."""

    def perform(acts: Sequence[ReactionChange], now: datetime) -> list[object]:
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome for _ in acts]

    monkeypatch.setattr(fast_path, "apply_changes", perform)
    django, sent = Django(), []
    parts = [
        {"type": "http.request", "body": part, "more_body": place + 1 < len(body)}
        for place, part in enumerate(body)
    ] or [{"type": "http.disconnect"}]

    async def receive() -> Any:
        return parts.pop(0)

    async def send(event: Any) -> None:
        sent.append(event)

    app: Any = fast_path.FastPath(django, {"X-Whole": "house"})  # type: ignore[arg-type]
    asyncio.run(app(scope(), receive, send))
    return django, sent


def test_fast_answer_has_the_security_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    django, (start, body) = call(monkeypatch, {"x": 1}, body=(BODY[:5], BODY[5:]))
    assert not django.scopes
    assert start["status"] == 200
    assert (b"x-whole", b"house") in start["headers"]
    assert json.loads(body["body"]) == {"counts": {"x": 1}, "mine": "x"}


@pytest.mark.parametrize("outcome", [None, IntegrityError("twice")])
def test_refused_reaction_is_passed_on_and_counted_once(
    monkeypatch: pytest.MonkeyPatch, outcome: object
) -> None:
    monkeypatch.setattr(guards, "settings", Limited())
    counted: list[str] = []
    monkeypatch.setattr(guards._limiter, "allow", lambda *asked: counted.append(asked[0]))
    django, sent = call(monkeypatch, outcome, body=(BODY[:5], BODY[5:]))
    assert not sent
    assert django.bodies == [BODY]
    request = HttpRequest()
    request.META["asgi.scope"] = django.scopes[0]
    guards.limited(request, "react", 1, 60)
    assert counted == ["react"]


class Limited:
    rate_limits = True


def test_rate_limited_request_is_passed_on_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "settings", Limited())
    monkeypatch.setattr(guards._limiter, "allow", lambda *_: 3.0)
    django, sent = call(monkeypatch, {"x": 1})
    assert not sent
    request = HttpRequest()
    request.META["asgi.scope"] = django.scopes[0]
    with pytest.raises(guards.ProblemError, match="3"):
        guards.limited(request, "react", 1, 60)


def test_database_outage_is_answered_without_django(monkeypatch: pytest.MonkeyPatch) -> None:
    django, (start, body) = call(monkeypatch, OperationalError("away"))
    assert not django.scopes
    assert start["status"] == 503
    assert (b"retry-after", b"10") in start["headers"]
    assert (b"x-whole", b"house") in start["headers"]
    assert json.loads(body["body"])["status"] == 503


@pytest.mark.parametrize(
    "body", [b"[" * 8_000, b'{"emoji":' + b"[" * 3_900 + b"]" * 3_900 + b"}", b"NaN", b"\xff"]
)
def test_unreadable_request_is_passed_on_to_be_refused(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    django, sent = call(monkeypatch, {"x": 1}, body=(body,))
    assert django.bodies == [body]
    assert not sent


def test_body_that_never_ends_is_answered_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_path, "ANONYMOUS_TIMEOUT_SECONDS", 0.01)
    django, sent = Django(), []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(event: Any) -> None:
        sent.append(event)

    app: Any = fast_path.FastPath(django, {"X-Whole": "house"})  # type: ignore[arg-type]
    asyncio.run(app(scope(), receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["status"] == 408
    assert not django.scopes


def test_disconnected_client_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    django, sent = call(monkeypatch, {"x": 1}, body=())
    assert not django.scopes
    assert not sent


@pytest.mark.parametrize(
    "header",
    [
        (b"cookie", b"canale_follower=short"),
        (b"cookie", b"canale_follower=" + b"a" * 22 + b"; canale_follower=" + b"b" * 22),
        (b"content-type", b"application/json; charset=latin-1"),
        (b"origin", b"https://evil.example"),
        (b"sec-fetch-site", b"same-site"),
        (b"content-length", b"9000"),
    ],
)
def test_requests_with_unusual_headers_are_left_to_django(header: tuple[bytes, bytes]) -> None:
    asked = scope()
    assert fast_path._ordinary_token({**asked, "headers": [*asked["headers"]]})
    one_more = {**asked, "headers": [*asked["headers"], header]}
    instead = {**asked, "headers": [*(h for h in asked["headers"] if h[0] != header[0]), header]}
    assert fast_path._ordinary_token(one_more) is None
    assert fast_path._ordinary_token(instead) is None
