# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The HTTP client for addresses that somebody else gave: followers, staff, configuration.

Only https at the default port of a host whose name leads to a public address is called; the
connection goes to the address that was checked (pins.py). No redirects, fixed time-outs, bounded
answers. The caller can narrow the hosts to known ones, and add origins that are trusted wholly.

A client for bulk calls tries HTTP/2 first, over one connection: reqwest shares a connection only
with prior knowledge of HTTP/2, else each waiting call opens its own. A host that does not answer to
HTTP/2 is negotiated with (ALPN) until it answers over HTTP/2 again. Others negotiate at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import RequestError
from pyreqwest.http import HeaderMap
from pyreqwest.response import Response as Answer

from canale.net.endpoints import KnownHosts, Resolver, checked_origin, system_resolver
from canale.net.http_errors import (
    REPEATED,
    TIMED_OUT,
    UNANSWERED,
    Failure,
    NoResponseError,
    ResponseTooLargeError,
    failure_of,
)
from canale.net.pins import Pin, Pins

# A far end that drops connections in a burst accepts the next ones.
CONNECT_TIMEOUT = timedelta(seconds=3)
TOTAL_TIMEOUT = timedelta(seconds=30)
# Time beyond TOTAL_TIMEOUT for all tries, so that a single try reports its own time-out.
GRACE_SECONDS = 1.0
IDLE_TIMEOUT = timedelta(seconds=60)
PING_INTERVAL = timedelta(seconds=15)
PING_TIMEOUT = timedelta(seconds=10)

# A response body is read up to this size, so that its connection can be used again.
MAX_ANSWER_BYTES = 64 * 1024

Headers = HeaderMap
"""Can be built once and used for many requests."""
AnyHeaders = Headers | Mapping[str, str]


@dataclass(slots=True)
class Response:
    """The status and body of a response, and its headers."""

    status: int
    body: bytes
    _answer: Answer

    def header(self, name: str) -> str | None:
        """Return the first header of this name; None if there is none, or it is not text."""
        try:
            return self._answer.get_header(name)
        except ValueError:
            return None


class GuardedClient:
    """Calls public hosts and nothing else. Belongs to one event loop."""

    def __init__(
        self,
        trusted_origins: Collection[str] = (),
        *,
        known: KnownHosts | None = None,
        max_connections: int = 256,
        total_timeout: timedelta = TOTAL_TIMEOUT,
        resolver: Resolver = system_resolver,
        root_certificate: bytes | None = None,
        proxy: str = "",
        bulk: bool = False,
    ) -> None:
        """``known``: the only hosts to call, instead of any public one. ``trusted_origins`` are
        called directly, at any address; ``root_certificate`` is one more PEM authority to trust;
        ``proxy``: http://user:password@host:port, used as docs/decisions/0055 says; ``bulk``: for
        many calls to few hosts, HTTP/2 first."""
        self._trusted = frozenset(trusted_origins)
        self._known = known
        self._max_connections = max_connections
        self._total_timeout = total_timeout
        self._root_certificate = root_certificate
        self._pins = Pins(
            self._builder,
            trusted=self._trusted,
            known=known,
            resolver=resolver,
            proxy=proxy,
            bulk=bulk,
            close_after=total_timeout.total_seconds() + 1,
        )

    async def request(
        self,
        method: str,
        url: str,
        headers: AnyHeaders | None = None,
        body: bytes = b"",
        *,
        origin: str = "",
        limit: int = MAX_ANSWER_BYTES,
        cut: bool = False,
        again_after: timedelta | None = None,
    ) -> Response:
        """Call a URL; return the response, whatever its status, with at most ``limit`` bytes.

        Of a longer body the beginning is returned if ``cut``, and its connection is closed.
        ``origin``: that of the URL, where the caller has checked both. A request without an answer
        within ``again_after`` is sent once more, over another connection: the far end may see it
        twice.

        Raises EndpointRefusedError for a URL that may not be called; NotProcessedError where the
        request can be repeated safely; ResponseTooLargeError; any other NoResponseError where the
        far end may have processed it; ValueError for a method or header that HTTP does not allow.
        """
        origin = origin or checked_origin(url, self._known, self._trusted)
        call = _Call(method, url, headers or {}, body, limit + 1, again_after)
        failed: list[Failure] = []
        end = time.monotonic() + self._total_timeout.total_seconds() + GRACE_SECONDS
        pin, response = self._pins.held(origin), None
        # A first try has its own time-out; asyncio's would cost a tenth of a message's time.
        if pin is not None and pin.has_room:
            response = await self._try(pin, origin, call, failed)
        if response is None:
            try:
                async with asyncio.timeout(end - time.monotonic()):
                    while response is None:
                        pin = await self._pins.get(origin)
                        response = await self._try(pin, origin, call, failed)
            except TimeoutError:
                raise NoResponseError(TIMED_OUT.message) from None
        if len(response.body) > limit:
            if not cut:
                raise ResponseTooLargeError(response.status, limit)
            response.body = response.body[:limit]
        return response

    async def _try(
        self, pin: Pin, origin: str, call: _Call, failed: list[Failure]
    ) -> Response | None:
        """Return None if the call may be tried again at once. Raises NoResponseError."""
        request = pin.client.request(call.method, call.url).headers(call.headers)
        if call.body:
            request = request.body_bytes(call.body)
        if call.again_after is not None and UNANSWERED not in failed:
            request = request.timeout(call.again_after)
        opening = await pin.pacer.begin() if pin.pacer is not None else None
        answered = False
        begun = pin.begin()
        try:
            async with request.build_streamed() as answer:
                # Read to the end, so that the connection can be used again.
                content = await answer.body_reader.read(call.most)
            answered = True
        except RequestError as error:
            failure = failure_of(error)
            if call.again_after is not None:
                failure = REPEATED.get(failure, failure)
            failure = self._pins.failed(origin, pin, begun, failure)
            failed.append(failure)
            times = failed.count(failure)
            if times == failure.tries:
                # The cause is dropped on purpose: its text holds the whole URL.
                raise failure.error(failure.message) from None
            await asyncio.sleep(failure.pause * times * random.random())
            return None
        finally:
            pin.in_flight -= 1
            if pin.pacer is not None:
                pin.pacer.end(opening, answered=answered)
        self._pins.answered(origin, pin, answer.version)
        return Response(answer.status, bytes(content or b""), answer)

    async def close(self) -> None:
        """Close every connection."""
        await self._pins.close()

    def _builder(self) -> ClientBuilder:
        builder = (
            ClientBuilder()
            .http2(True)
            .follow_redirects(False)
            .referer(False)
            .no_proxy()
            .user_agent("canale")
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self._total_timeout)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timeout(self._total_timeout)
            .max_connections(self._max_connections)
        )
        if self._root_certificate is not None:
            builder = builder.add_root_certificate_pem(self._root_certificate)
        return builder


class _Call(NamedTuple):
    method: str
    url: str
    headers: AnyHeaders
    body: bytes
    most: int
    """The number of bytes of the response to read."""
    again_after: timedelta | None = None
    """The time-out of the first try."""
