# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page store in front of an app that counts how often it renders."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import brotli
import pytest

from canale.core.settings import settings
from canale.public import page_store
from canale.public.page_store import PageStore
from tests.waiting import TIMEOUT_SECONDS, until

TEXT = "Strada chiusa per lavori. " * 60
Headers = dict[bytes, bytes]
Answered = tuple[int, Headers, bytes]


class Renderer:
    """The application behind the store; `body` is its current answer."""

    def __init__(self, handle: str | None = "cremona", until: float | None = None) -> None:
        self.body, self.status = TEXT, 200
        self.handle, self.until = handle, until
        self.at_most: float | None = None
        self.seen: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        body, status = self.body, self.status
        await self.gate.wait()
        headers = [(b"Content-Type", b"text/html; charset=utf-8")]
        if self.handle:
            headers.append((b"X-Canale-Channel", self.handle.encode()))
        if self.until:
            headers.append((b"X-Canale-Until", str(self.until).encode()))
        if self.at_most:
            headers.append((b"X-Canale-At-Most", str(self.at_most).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode(), "more_body": False})


async def ask(
    store: PageStore, path: str = "/c/cremona/", method: str = "GET", query: str = "", **said: str
) -> Answered:
    start: dict[str, Any] = {}
    body = b""

    async def send(event: Any) -> None:
        nonlocal body
        if event["type"] == "http.response.start":
            start.update(event)
        else:
            body += event.get("body", b"")

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in said.items()]
    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": headers,
        "client": ("192.0.2.7", 1234),
    }
    await store(scope, receive, send)
    return start["status"], dict(start["headers"]), body


def run(flow: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await flow()

    asyncio.run(whole())


def test_a_page_is_rendered_once() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        first, second = await ask(store), await ask(store)
        assert first == second
        assert first[2].decode() == TEXT
        assert len(app.seen) == 1

    run(flow)


def test_simultaneous_readers_wait_for_one_rendering() -> None:
    async def flow() -> None:
        app = Renderer()
        app.gate.clear()
        store = PageStore(app)
        readers = [asyncio.create_task(ask(store)) for _ in range(50)]
        await until(lambda: app.seen)
        readers[0].cancel()
        app.gate.set()
        assert {answer[0] for answer in await asyncio.gather(*readers[1:])} == {200}
        assert len(app.seen) == 1

    run(flow)


@pytest.mark.parametrize(
    ("accepted", "encoding", "decode"),
    [
        ("gzip, deflate, br", b"br", brotli.decompress),
        ("gzip", b"gzip", gzip.decompress),
        ("br;q=0, gzip;q=0.5", b"gzip", gzip.decompress),
        ("identity", None, bytes),
    ],
)
def test_each_reader_gets_the_encoding_it_takes(
    accepted: str, encoding: bytes | None, decode: Callable[[bytes], bytes]
) -> None:
    async def flow() -> None:
        _, headers, body = await ask(PageStore(Renderer()), accept_encoding=accepted)
        assert headers.get(b"content-encoding") == encoding
        assert int(headers[b"content-length"]) == len(body)
        assert decode(body).decode() == TEXT

    run(flow)


def test_uncached_page_is_compressed() -> None:
    async def flow() -> None:
        app = Renderer(handle=None)
        app.status = 404
        _, headers, body = await ask(PageStore(app), accept_encoding="gzip, br")
        assert headers[b"content-encoding"] == b"gzip"
        assert b"accept-encoding" in headers[b"vary"]
        assert int(headers[b"content-length"]) == len(body)
        assert gzip.decompress(body).decode() == TEXT

    run(flow)


def test_reader_with_the_current_page_gets_304() -> None:
    async def flow() -> None:
        store = PageStore(Renderer())
        etag = (await ask(store))[1][b"etag"].decode()
        status, headers, body = await ask(store, if_none_match=f'"other", {etag}')
        assert (status, body) == (304, b"")
        assert headers[b"etag"].decode() == etag
        assert (await ask(store, if_none_match='"other"'))[0] == 200

    run(flow)


def test_head_has_the_headers_of_get() -> None:
    async def flow() -> None:
        store = PageStore(Renderer())
        get, head = await ask(store), await ask(store, method="HEAD")
        assert head[:2] == get[:2]
        assert head[2] == b""

    run(flow)


def test_change_invalidates_only_its_channel() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store)
        store.forget("piacenza")
        await ask(store)
        assert len(app.seen) == 1
        app.body = "Nuovo"
        store.forget("cremona")
        assert (await ask(store))[2] == b"Nuovo"

    run(flow)


def test_rendering_started_before_a_change_is_not_stored() -> None:
    async def flow() -> None:
        app = Renderer()
        app.gate.clear()
        store = PageStore(app)
        early = asyncio.create_task(ask(store))
        await until(lambda: len(app.seen) == 1)
        store.forget("cremona")
        app.body = "Nuovo"
        late = asyncio.create_task(ask(store))
        await until(lambda: len(app.seen) == 2)
        app.gate.set()
        assert (await early)[2].decode() == TEXT
        # A request after the change does not wait for the older rendering.
        assert (await late)[2] == b"Nuovo"
        assert (await ask(store))[2] == b"Nuovo"

    run(flow)


def test_page_expires_at_its_time() -> None:
    async def flow() -> None:
        now = 1_000.0
        app = Renderer(until=1_010.0)
        store = PageStore(app, clock=lambda: now)
        await ask(store)
        now = 1_009.9
        await ask(store)
        assert len(app.seen) == 1
        now = 1_010.0
        await ask(store)
        assert len(app.seen) == 2

    run(flow)


def test_languages_have_their_own_pages() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store, accept_language="it-IT,it;q=0.9")
        await ask(store, accept_language="de")
        assert len(app.seen) == 1
        await ask(store, accept_language="en-GB,en;q=0.9")
        await ask(store, cookie="other=1; canale_language=en", accept_language="it")
        assert len(app.seen) == 2
        assert dict(app.seen[1]["headers"])[b"accept-language"] == b"en"

    run(flow)


def test_view_gets_no_personal_data() -> None:
    async def flow() -> None:
        app = Renderer()
        await ask(
            PageStore(app),
            cookie="canale_follower=secret",
            user_agent="Phone",
            host="evil.example",
            x_forwarded_proto="gopher",
            x_forwarded_for="192.0.2.7",
            referer="https://example.org/",
        )
        assert app.seen[0]["client"] is None
        headers = dict(app.seen[0]["headers"])
        assert headers.keys() == {b"host", b"x-forwarded-proto", b"accept-language"}
        assert settings.base_url.encode() == b"%b://%b" % (
            headers[b"x-forwarded-proto"],
            headers[b"host"],
        )

    run(flow)


def test_unknown_parameters_give_the_same_page() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store)
        await ask(store, query="utm_source=newsletter")
        assert len(app.seen) == 1
        await ask(store, "/c/cremona/older", query="before=7")
        assert app.seen[1]["query_string"] == b"before=7"

    run(flow)


def test_unmarked_views_are_not_stored() -> None:
    async def flow() -> None:
        app = Renderer(handle=None)
        store = PageStore(app)
        await ask(store)
        _, headers, _ = await ask(store)
        assert len(app.seen) == 2
        assert b"etag" not in headers

    run(flow)


def test_errors_are_not_stored_except_gone_posts() -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        app.status = 500
        await ask(store)
        app.status = 410
        await ask(store)
        assert (await ask(store))[0] == 410
        assert len(app.seen) == 2

    run(flow)


@pytest.mark.parametrize("path", ["/newsroom/", "/api/v1/me", "/static/public.css"])
def test_personal_requests_bypass_the_store(path: str) -> None:
    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        await ask(store, path, cookie="canale_follower=secret")
        await ask(store, path, cookie="canale_follower=secret")
        assert len(app.seen) == 2
        assert dict(app.seen[0]["headers"])[b"cookie"] == b"canale_follower=secret"

    run(flow)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_store, "STORED_BYTES", 20_000)

    async def flow() -> None:
        app = Renderer()
        store = PageStore(app)
        for number in range(20):
            await ask(store, f"/c/cremona/p/{number}")
        await ask(store, "/c/cremona/p/19")
        assert len(app.seen) == 20
        await ask(store, "/c/cremona/p/0")
        assert len(app.seen) == 21

    run(flow)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"accept_encoding": "gzip, br"},
        {"accept_encoding": "gzip", "accept_language": "en"},
        {"accept_encoding": "gzip", "if_none_match": "*"},
        {"if_none_match": '"other"', "cookie": "canale_language=en"},
    ],
)
def test_cached_response_equals_the_applications_response(said: dict[str, str]) -> None:
    async def flow() -> None:
        store = PageStore(Renderer())
        headers = [(name.replace("_", "-").encode(), word.encode()) for name, word in said.items()]
        assert store.try_cached(b"/c/cremona/", headers) is None
        status, wanted, body = await ask(store, **said)
        for _ in range(2):
            ready = store.try_cached(b"/c/cremona/", headers)
            assert ready is not None
            line, *lines = ready[0].split(b"\r\n")
            assert line.startswith(b"HTTP/1.1 %d " % status)
            assert lines.pop() == b""
            assert dict(one.split(b": ", 1) for one in lines) == wanted
            assert ready[1] == body
        assert store.hits == 2

    run(flow)


def test_cached_responses_expire_and_are_invalidated() -> None:
    async def flow() -> None:
        now = 1_000.0
        store = PageStore(Renderer(until=1_010.0), clock=lambda: now)
        await ask(store)
        assert store.try_cached(b"/c/cremona/", []) is not None
        now = 1_010.0
        assert store.try_cached(b"/c/cremona/", []) is None
        now = 1_000.0
        store.forget("cremona")
        assert store.try_cached(b"/c/cremona/", []) is None

    run(flow)


@pytest.mark.parametrize(
    "url", [b"/c/cremona/?lang=en", b"/c/%63remona/", b"http://x/c/cremona/", b"/newsroom/", b"*"]
)
def test_unusual_requests_are_passed_to_the_application(url: bytes) -> None:
    async def flow() -> None:
        store = PageStore(Renderer())
        for path in ("/c/cremona/", "/newsroom/"):
            await ask(store, path)
        assert store.try_cached(url, []) is None

    run(flow)
