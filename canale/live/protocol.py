# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The HTTP server's protocol: `GET /live/<handle>` goes to the hub, cached responses are written
directly, and everything else goes through Django.

uvicorn's parser reads the request. When it is complete, and earlier requests on the same connection
are answered, the hub's small object takes the transport over and this protocol is freed. Every
response that is not a stream or cached goes through uvicorn's own cycle.
"""

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Protocol, cast
from urllib.parse import parse_qsl, unquote

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from canale.live.connection import Connection
from canale.live.hub import Hub
from canale.net.connections import Connections
from canale.net.hosts import Hosts
from canale.net.responses import Headers, refusal, send_response, with_house
from canale.net.timeouts import TimeoutProtocol

if TYPE_CHECKING:
    from asgiref.typing import ASGISendCallable as Send
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

PREFIX = "/live/"
# A request with one of these headers is more than its head.
BODY_HEADERS = {b"content-length", b"transfer-encoding", b"expect"}
EVENT_ID = re.compile(r"[0-9]{1,18}", re.ASCII)

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx: pass every event on at once.
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # No length: the stream ends when the connection does.
    (b"connection", b"close"),
]


class CachedResponder(Protocol):
    """A callable that returns cached responses."""

    def __call__(
        self, url: bytes, headers: list[tuple[bytes, bytes]], /
    ) -> tuple[bytes, bytes] | None:
        """Return a GET's head, without its last empty line, and body; None if it is not cached."""


def no_cache(url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    return None


class StaticResponse:
    """An ASGI app with one fixed response."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(
        self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable"
    ) -> None:
        # uvicorn's types and asgiref's are the same by another name.
        await send_response(cast("Send", send), self.status, self.headers, self.body)


def problem(status: HTTPStatus, detail: str, *headers: tuple[bytes, bytes]) -> StaticResponse:
    """Return a problem document (RFC 9457)."""
    common, body = refusal(PREFIX, status, detail, [(b"x-content-type-options", b"nosniff")])
    return StaticResponse(status.value, [*common, *headers], body)


class LiveProtocol(TimeoutProtocol):
    """uvicorn's protocol with a hub; `live_protocol(hub)` makes the class to give to uvicorn."""

    hub: ClassVar[Hub]
    try_cached: ClassVar[CachedResponder]
    hosts: ClassVar[Hosts | None]
    # Per server configuration: the proxies whose X-Forwarded-For is trusted.
    proxies: ClassVar[dict[int, ProxyHeadersMiddleware]]

    # The reader's place once a stream was asked for; nothing after that request is answered.
    live: Connection | None = None
    live_complete = False
    last_event_id: int | None = None
    # The request that is being read was answered from the cache.
    answered = False

    def on_headers_complete(self) -> None:
        if self.live is not None:
            return
        if self.hosts is not None:
            version = self.parser.get_http_version()
            refused = self.hosts.refusal(self.url, self.headers, version)
            if refused is not None:
                self._answer(problem(refused.status, refused.detail))
                return
        if b"/live/" not in self.url or (self.parser.should_upgrade() and self._should_upgrade()):
            if not self._write_cached():
                super().on_headers_complete()
            return
        url = httptools.parse_url(self.url)
        path = unquote(url.path.decode("ascii"))
        if not path.startswith(PREFIX):
            super().on_headers_complete()
            return
        answer = self._reserve(path.removeprefix(PREFIX), (url.query or b"").decode("ascii"))
        if answer is not None:
            self._answer(answer)

    def _write_cached(self) -> bool:
        """Write a cached response as uvicorn's cycle would, but without a cycle and a task."""
        parser = self.parser
        # A GET without body on an idle keep-alive connection.
        is_plain_get = (
            parser.get_method() == b"GET"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self._is_answering()
            and not self.flow.write_paused
            and not self.transport.is_closing()
            and not any(name in BODY_HEADERS for name, _ in self.headers)
        )
        ready = self.try_cached(self.url, self.headers) if is_plain_get else None
        if ready is None:
            return False
        head, body = ready
        common = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self.transport.write(b"".join((head, *common, b"\r\n", body)))
        self.answered = True
        self.head_is_read()
        return True

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _reserve(self, handle: str, query: str) -> StaticResponse | None:
        """Reserve a place with the hub; return an error response if there is none."""
        method = self.parser.get_method()
        if method not in (b"GET", b"HEAD"):
            detail = "The stream can only be read."
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, (b"allow", b"GET, HEAD"))
        if not self.hub.has_channel(handle):
            return problem(HTTPStatus.NOT_FOUND, "There is no such channel.")
        # A reconnecting browser's header is newer than its URL.
        in_header = (value for name, value in self.headers if name == b"last-event-id" and value)
        asked = next(in_header, b"").decode("latin-1")
        asked = asked or dict(parse_qsl(query)).get("last_event_id", "")
        if asked and not EVENT_ID.fullmatch(asked):
            detail = "The last event's id must be a number as the stream gave it."
            return problem(HTTPStatus.BAD_REQUEST, detail)
        if method == b"HEAD":
            return StaticResponse(200, STREAM_HEADERS)
        self.last_event_id = int(asked) if asked else None
        self.live = self.hub.reserve(handle, self._client_address())
        if self.live is None:
            detail = "Too many pages are connected. The channel's page works without."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, (b"retry-after", b"30"))
        return None

    def waiting_client(self) -> str | None:
        """Return the peer, or behind a trusted proxy the client, known once the head is read."""
        peer = self.client[0] if self.client else None
        if not self.config.proxy_headers or peer not in self._proxy_headers().trusted_hosts:
            return peer
        return self._client_address() if self._in_request and not self._before_head else None

    def _client_address(self) -> str | None:
        """Return the client's address: behind a trusted proxy the forwarded one."""
        peer = self.client[0] if self.client else None
        if not self.config.proxy_headers:
            return peer
        trusted = self._proxy_headers().trusted_hosts
        if peer not in trusted:
            return peer
        forwarded = [value for name, value in self.headers if name == b"x-forwarded-for"]
        if not forwarded:
            return peer
        host, _ = trusted.get_trusted_client_address(b", ".join(forwarded).decode("latin-1"))
        return host or peer

    def _proxy_headers(self) -> ProxyHeadersMiddleware:
        key = id(self.config)
        if key not in self.proxies:
            allowed = self.config.forwarded_allow_ips
            self.proxies[key] = ProxyHeadersMiddleware(self.app, trusted_hosts=allowed)
        return self.proxies[key]

    def _answer(self, answer: StaticResponse) -> None:
        answer.headers = with_house(answer.headers, self.house)
        app, self.app = self.app, answer
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def on_body(self, body: bytes) -> None:
        if self.live is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.answered:
            self.answered = False
            self.request_is_read()
            self.on_response_complete()
        elif self.live is None:
            super().on_message_complete()
        else:
            self.live_complete = True
            # Data sent after this request is ignored.
            self.flow.pause_reading()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._hand_over_when_ready()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._hand_over_when_ready()

    def _hand_over_when_ready(self) -> None:
        if self.live is None or not self.live_complete or self._is_answering():
            return
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.end_timers()
        self.others.closed(self)
        self.flow.resume_reading()
        self.connections.discard(self)
        live, self.live = self.live, None
        self.server_state.total_requests += 1
        headers = [*self.server_state.default_headers, *STREAM_HEADERS]
        lines = [b"HTTP/1.1 200 OK", *(name + b": " + value for name, value in headers)]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        self.hub.attach(live, self.transport, head, self.last_event_id, self.connections)
        # The parser references our methods: break the cycle, so that no collection is needed.
        self.parser = None  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.live is not None:
            self.hub.detach(self.live)
            self.live = None


def live_protocol(
    hub: Hub,
    try_cached: CachedResponder = no_cache,
    hosts: Hosts | None = None,
    house: Headers | None = None,
    connections: Connections | None = None,
) -> type[asyncio.Protocol]:
    """Return the class to give to uvicorn as `http=`.

    ``hub`` takes its live connections, ``try_cached`` returns cached responses, ``hosts`` are
    answered (None: all), ``house`` are headers of every response, and ``connections`` counts them.
    """
    own = {
        "hub": hub,
        "try_cached": staticmethod(try_cached),
        "hosts": hosts,
        "proxies": {},
        "house": house or [],
        "others": connections or Connections(),
    }
    return type("LiveProtocol", (LiveProtocol,), own)
