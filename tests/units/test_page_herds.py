# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""However many readers come at once, and whatever their links carry, a page is rendered once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as Picture

from canale.channel.channels import create_channel, set_avatar
from canale.channel.images import prepare_avatar
from canale.channel.models import Image, Post
from canale.followers.invites import make_invite
from canale.public import page_store, urls
from canale.public.page_keys import key_of, query_of
from canale.public.page_store import PageStore
from canale.publishing import drafts, publish, withdraw
from canale.publishing.content import Content, NewImage
from canale.runtime.database_away import DatabaseProblem, Outage
from tests.units.test_page_store import Renderer, ask, run

READERS = 300
# Parameters that other sites, mail programs and attackers add to a link.
QUERIES = [
    "fbclid={}",
    "utm_source=newsletter&utm_campaign={}",
    "a=1&a=2&a={}",
    "lang=xx&gclid={}",
    "before={}&before=0{}",
    "%6Cang=en&v={}",
    "v={}",
    "&&=;{}",
    "a&" * 5_000 + "{}",
]
SIZES = {"avatar": ["64", "192", "512", "maskable"], "image": ["small", "large", "share"]}
FORMS = {"qr": ["svg", "png"], "feed": ["atom", "rss", "json"]}


class Django:
    """Renders with the views themselves, and counts."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope["path"] + "?" + scope["query_string"].decode())
        # All who come at once are there before the first page is made.
        await asyncio.sleep(0.01)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        client = Client(raise_request_exception=False, headers=headers)
        query = scope["query_string"].decode()
        answer = client.get(scope["raw_path"].decode(), query_string=query)
        said = [(name.encode(), value.encode("latin-1")) for name, value in answer.items()]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": said})
        await send({"type": "http.response.body", "body": answer.content, "more_body": False})


def _picture() -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (600, 400), "#0066cc").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def addresses(transactional_db: None) -> list[str]:
    """Each address of the URL map, and those whose answer is an error."""
    city, now = create_channel("cremona", "Comune di Cremona"), timezone.now()
    set_avatar(city, prepare_avatar(_picture()))
    start = now + timedelta(days=2)
    wording = Content(
        "event", "Fiera", "Testo", starts_at=start, images=(NewImage(_picture(), "Il ponte"),)
    )
    post = publish.publish(drafts.save_draft(city, wording, by="cli"), by="cli")
    gone = publish.publish(
        drafts.save_draft(city, Content("news", "Errore", "x"), by="cli"), by="cli"
    )
    withdraw.withdraw(gone, reason="Era un errore", by="cli")
    values = {
        "handle": ["cremona"],
        "post_id": [post.pk],
        "key": [Image.objects.get().key],
        "code": [make_invite(city).code],
    }
    found = [address for pattern in urls.urlpatterns for address in _of(pattern, values)]
    errors = [f"/c/cremona/p/{gone.pk}", f"/c/cremona/p/{gone.pk}/card", "/c/cremona/p/999"]
    return [*found, *errors, "/c/parma/", "/nowhere", "/c/cremona", "/i/none0"]


def _of(pattern: Any, values: dict[str, list[Any]]) -> Iterator[str]:
    name = pattern.name
    known = {**values, "size": SIZES.get(name, []), "form": FORMS.get(name, [])}
    asked = [{}]
    for parameter in pattern.pattern.regex.groupindex:
        asked = [{**given, parameter: value} for given in asked for value in known[parameter]]
    return (reverse(name, kwargs=given) for given in asked)


def _own(number: int) -> str:
    return QUERIES[number % len(QUERIES)].replace("{}", str(number))


async def _herd(store: PageStore, address: str, **more: Any) -> set[tuple[Any, bytes]]:
    """The answers, without what a header says of the moment."""
    asked = [ask(store, address, query=_own(number), **more) for number in range(READERS)]
    return {(answer[0], answer[2]) for answer in await asyncio.gather(*asked)}


def test_links_with_tracking_parameters_share_one_rendering(addresses: list[str]) -> None:
    async def flow() -> None:
        for address in addresses:
            app = Django()
            store = PageStore(app)
            answers = await _herd(store, address)
            assert len(app.seen) == 1, address
            assert len(answers) == 1, address
            plain = await ask(store, address)
            assert answers == {(plain[0], plain[2])}, address
            ((status, _),) = answers
            assert status < 500, address

    run(flow)


def test_head_requests_languages_and_older_pages_share_renderings(
    addresses: list[str],
) -> None:
    async def flow() -> None:
        for address in addresses[:5]:
            app = Django()
            store = PageStore(app)
            await asyncio.gather(
                _herd(store, address, method="HEAD"),
                _herd(store, address),
                _herd(store, address, accept_language="en"),
                _herd(store, address, cookie="canale_language=en"),
            )
            assert app.seen == [f"{address}?"] * 2
        for asked in ("lang=en", "lang=it&lang=xx&lang=en"):
            app = Django()
            store = PageStore(app)
            queries = [f"{asked}&fbclid={number}" for number in range(READERS)]
            await asyncio.gather(*(ask(store, "/", query=query) for query in queries))
            assert app.seen == ["/?lang=en"]
        post, app = Post.objects.first(), Django()
        assert post is not None
        store = PageStore(app)
        queries = [f"utm_source={number}&before={post.pk}" for number in range(READERS)]
        await asyncio.gather(*(ask(store, "/c/cremona/older", query=query) for query in queries))
        assert app.seen == [f"/c/cremona/older?before={post.pk}"]

    run(flow)


def test_percent_encoded_path_is_the_same_page() -> None:
    async def flow() -> None:
        app = Renderer()
        app.gate.clear()
        store = PageStore(app)

        async def as_the_server_does(scope: Any, receive: Any, send: Any) -> None:
            raw = scope["path"]
            await store({**scope, "path": unquote(raw), "raw_path": raw.encode()}, receive, send)

        decoded: Any = as_the_server_does
        readers = [
            asyncio.create_task(ask(decoded, raw, query=_own(number)))
            for number, raw in enumerate(["/c/%63remona/", "/c/cremona/", "/%63/cremona/"] * 10)
        ]
        await asyncio.sleep(0.01)
        app.gate.set()
        await asyncio.gather(*readers)
        assert [scope["raw_path"] for scope in app.seen] == [b"/c/cremona/"]

    run(flow)


def test_a_view_sees_nothing_but_the_key() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store, "/c/cremona/è", query="lang=en&fbclid=1", cookie="canale_follower=secret")
        key = ("/c/cremona/è", "it", "en", "")
        scope = app.seen[0]
        assert key_of("/c/cremona/è", b"lang=en&fbclid=1", {}) == key
        assert scope["query_string"] == query_of(key) == b"lang=en"
        assert scope["raw_path"] == b"/c/cremona/%C3%A8"
        assert (scope["client"], scope["server"], scope["method"]) == (None, None, "GET")

    run(flow)


@pytest.mark.parametrize("stands_in", [False, True])
def test_requests_share_one_try_during_an_outage(
    monkeypatch: pytest.MonkeyPatch, stands_in: bool
) -> None:
    outage = Outage()
    monkeypatch.setattr(page_store, "outage", outage)

    async def flow() -> None:
        now = [100.0]
        app = Renderer(until=110.0)
        app.at_most = 1e12
        store = PageStore(app, clock=lambda: now[0])
        if stands_in:
            await ask(store)
            now[0] = 120.0
        app.status, app.body, app.handle = 503, "Torniamo subito", None
        outage.failed(DatabaseProblem.AWAY, OperationalError("refused"))
        app.seen.clear()
        app.gate.clear()
        readers = [asyncio.create_task(ask(store, query=_own(number))) for number in range(READERS)]
        await asyncio.sleep(0.05)
        app.gate.set()
        answers = await asyncio.gather(*readers)
        assert {answer[0] for answer in answers} == {200 if stands_in else 503}
        assert len(app.seen) == 1

    run(flow)


@pytest.mark.parametrize("query", QUERIES)
def test_link_with_tracking_parameters_is_served_from_memory(query: str) -> None:
    async def flow() -> None:
        store = PageStore(Renderer())
        await ask(store)
        url = b"/c/cremona/?" + query.replace("{}", "7").encode()
        assert store.try_cached(url, []) == store.try_cached(b"/c/cremona/", [])

    run(flow)


@pytest.mark.parametrize("stands_in", [False, True])
def test_waiting_for_a_rendering_has_a_limit(
    monkeypatch: pytest.MonkeyPatch, stands_in: bool
) -> None:
    """The database accepts queries and does not answer them."""
    monkeypatch.setattr(page_store, "RENDER_SECONDS", 0.05)

    async def flow() -> None:
        now = [100.0]
        app = Renderer(until=110.0)
        app.at_most = 1e12
        store = PageStore(app, clock=lambda: now[0])
        if stands_in:
            await ask(store)
            now[0] = 120.0
        app.seen.clear()
        app.gate.clear()
        queries = [_own(number) for number in range(READERS)]
        answers = await asyncio.gather(*(ask(store, query=query) for query in queries))
        assert {answer[0] for answer in answers} == {200 if stands_in else 503}
        if not stands_in:
            assert {answer[1][b"retry-after"] for answer in answers} == {b"10"}
        assert len(app.seen) == 1
        app.gate.set()
        now[0] = 130.0
        assert (await ask(store))[0] == 200

    run(flow)
