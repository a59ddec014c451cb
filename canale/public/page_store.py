# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Public pages, rendered once and served from memory.

An ASGI app in front of Django. It sees every request outside the newsroom, the API and the
static files, and takes from it what no public page may depend on: the reader's cookie, conditions,
addresses. A view marked `stored` says whose page it made and how long it holds; the bytes, with
their compressed variants, serve everybody until the channel's stream has a new line.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from canale.core.settings import settings
from canale.net.responses import Headers, header_lines, refusal, send_response
from canale.public.page_keys import Key, key_of, query_of
from canale.public.security import security_headers
from canale.public.stored_page import StoredPage, stored_page
from canale.runtime.database_away import RETRY_SECONDS, DatabaseProblem, outage

if TYPE_CHECKING:
    from asgiref.typing import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        ASGISendEvent,
        HTTPScope,
    )

# Not ours to answer from memory: they know the reader, or are files.
PERSONAL = ("/newsroom", "/api/", "/static/")
# A channel's pages can only be read.
METHODS = ("GET", "HEAD")
ALLOW, RETRY = (b"allow", b"GET, HEAD"), (b"retry-after", b"%d" % RETRY_SECONDS)
PERSONAL_URLS = tuple(start.encode() for start in PERSONAL)
# A path that is written one way only.
PLAIN_PATH = re.compile(rb"/[A-Za-z0-9/._-]*")
STORED_BYTES = 128 * 2**20
# How long a stale page is served when the next one cannot be made.
STAND_IN_SECONDS = 5.0
# A database that cannot be reached fails within 20 s; one that hangs does not fail.
RENDER_SECONDS = 25.0


class PageStore:
    """Wraps the app that renders. `forget` is called on the event loop's thread, as the app is."""

    def __init__(self, render: ASGI3Application, clock: Callable[[], float] = time.time) -> None:
        self._render = render
        self._clock = clock
        self._pages: OrderedDict[Key, StoredPage] = OrderedDict()
        self._bytes = 0
        self._flights: dict[Key, asyncio.Task[StoredPage]] = {}
        # While the database is away, one page at a time is tried.
        self._look: asyncio.Task[StoredPage] | None = None
        self._forgotten: dict[str, int] = {}
        self._time = 0
        self.hits = 0
        self.misses = 0

    def forget(self, handle: str) -> None:
        """The channel changed: its pages, and the renderings under way, are out of date."""
        self._time += 1
        self._forgotten[handle] = self._time
        self._flights.clear()
        for key in [key for key, page in self._pages.items() if page.handle == handle]:
            self._drop(key)

    async def __call__(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["path"].startswith(PERSONAL):
            await self._render(scope, receive, send)
            return None
        if scope["method"] not in METHODS:
            return await _refuse(scope, send, 405, "A page is only read.", ALLOW)
        wanted = dict(scope["headers"])
        page = await self._page(scope, wanted)
        if page is None:
            return await _refuse(scope, send, 503, "The page was not made in time.", RETRY)
        status, encoding = page.choose(wanted)
        bodiless = scope["method"] == "HEAD" or status == HTTPStatus.NOT_MODIFIED
        body = b"" if bodiless else page.variants[encoding]
        return await send_response(send, status, page.headers_for(status, encoding), body)

    def try_cached(self, url: bytes, headers: Headers) -> tuple[bytes, bytes] | None:
        """Return the cached head, without its last empty line, and body of a GET; None if absent.

        The server's protocol writes it without a task, a scope and a cycle: three quarters of the
        cost of a response.
        """
        path, _, query = url.partition(b"?")
        if not PLAIN_PATH.fullmatch(path) or path.startswith(PERSONAL_URLS):
            return None
        wanted = dict(headers)
        page = self._stored(key_of(path.decode(), query, wanted))
        if page is None:
            return None
        status, encoding = page.choose(wanted)
        body = page.variants[encoding] if status != HTTPStatus.NOT_MODIFIED else b""
        return page.head(status, encoding), body

    def _stored(self, key: Key) -> StoredPage | None:
        page = self._pages.get(key)
        if page is None or self._clock() >= page.until:
            return None
        self._pages.move_to_end(key)
        self.hits += 1
        return page

    async def _page(self, scope: HTTPScope, wanted: dict[bytes, bytes]) -> StoredPage | None:
        key = key_of(scope["path"], scope["query_string"], wanted)
        page = self._stored(key)
        if page is not None:
            return page
        self.misses += 1
        away = outage.now is not None and outage.now.why is DatabaseProblem.AWAY
        page = self._stand_in(key) if away else None
        if page is not None:
            # Each that asked a database that swallows what is sent would hold a thread for seconds.
            if self._look is None or self._look.done():
                self._look = self._flight(key, scope)
            return page
        flight = self._flight(key, scope)
        # A reader who leaves does not take the page from the others.
        done, _ = await asyncio.wait({flight}, timeout=RENDER_SECONDS)
        return flight.result() if done else self._stand_in(key)

    def _flight(self, key: Key, scope: HTTPScope) -> asyncio.Task[StoredPage]:
        """The making of the page, one for all who wait for it."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(key, scope))
            self._flights[key] = flight

            def forget(done: asyncio.Task[StoredPage]) -> None:
                if self._flights.get(key) is done:
                    del self._flights[key]

            flight.add_done_callback(forget)
        return flight

    async def _fly(self, key: Key, scope: HTTPScope) -> StoredPage:
        begun = self._time
        status, headers, body = await _rendered(self._render, _impersonal(scope, key))
        loop = asyncio.get_running_loop()
        page = await loop.run_in_executor(None, stored_page, status, headers, body)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return self._stand_in(key) or page
        if page.handle is not None and self._forgotten.get(page.handle, 0) <= begun:
            self._drop(key)
            self._pages[key] = page
            self._bytes += page.size
            while self._bytes > STORED_BYTES:
                self._drop(next(iter(self._pages)))
        return page

    def _stand_in(self, key: Key) -> StoredPage | None:
        """While the database is away, the page before is better than none."""
        page, now = self._pages.get(key), self._clock()
        if page is None or now >= page.at_most:
            return None
        page = replace(page, until=min(now + STAND_IN_SECONDS, page.at_most))
        self._pages[key] = page
        return page

    def _drop(self, key: Key) -> None:
        page = self._pages.pop(key, None)
        if page is not None:
            self._bytes -= page.size


async def _refuse(
    scope: HTTPScope, send: ASGISendCallable, code: int, detail: str, header: tuple[bytes, bytes]
) -> None:
    status, house = HTTPStatus(code), header_lines(security_headers())
    headers, body = refusal(scope["path"], status, detail, house)
    await send_response(send, status, [header, *headers], body)


def _impersonal(scope: HTTPScope, key: Key) -> HTTPScope:
    """The request as everybody with this key sends it: by no host that one of them chose, and
    with nothing that is not in the key."""
    own = urlsplit(settings.base_url)
    headers: Headers = [
        (b"host", own.netloc.encode()),
        (b"x-forwarded-proto", own.scheme.encode()),
        (b"accept-language", key[1].encode()),
    ]
    return {
        **scope,
        "http_version": "1.1",
        "method": "GET",
        "scheme": own.scheme,
        "path": key[0],
        "raw_path": quote(key[0]).encode(),
        "query_string": query_of(key),
        "headers": headers,
        "client": None,
        "server": None,
    }


async def _rendered(render: ASGI3Application, scope: HTTPScope) -> tuple[int, Headers, bytes]:
    status, headers, parts = 500, [], []
    asked = False
    done = asyncio.Event()

    async def receive() -> ASGIReceiveEvent:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(event: ASGISendEvent) -> None:
        nonlocal status, headers
        if event["type"] == "http.response.start":
            status, headers = event["status"], list(event["headers"])
        elif event["type"] == "http.response.body":
            parts.append(event["body"])

    try:
        await render(scope, receive, send)
    finally:
        done.set()
    return status, headers, b"".join(parts)
