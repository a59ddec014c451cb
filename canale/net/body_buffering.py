# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An ASGI middleware that buffers a request's body before it reaches the application.

The application handles a request in one of a few threads. Slow or endless bodies are awaited here,
where waiting costs nothing, and only authenticated people and programs may send large ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from canale.net.readable import charset_of, is_utf_8
from canale.net.responses import refusal, send_response

if TYPE_CHECKING:
    from asgiref.typing import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        HTTPScope,
        Scope,
    )

# Several times the largest form or call of a citizen.
ANONYMOUS_MAX_BYTES = 64 * 1024
ANONYMOUS_TIMEOUT_SECONDS = 20.0
# Ten images of 15 MB, and the text about them.
AUTHENTICATED_MAX_BYTES = 155 * 2**20
# The longest pause between two parts of a body.
AUTHENTICATED_IDLE_SECONDS = 30.0
IN_MEMORY = 2**20
PART = 256 * 1024

Kept = SpooledTemporaryFile[bytes]


class BodyTooLargeError(Exception):
    """The body exceeds the client's limit."""


class ClientDisconnectedError(Exception):
    """The client disconnected before the end of the body."""


REFUSALS = {
    BodyTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large."),
    TimeoutError: (HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive."),
}


class BufferedBodyMiddleware:
    """Wrap an ASGI app. ``is_known`` is called in a thread and is true for clients that may send
    files; ``house`` are headers of every response."""

    def __init__(
        self,
        app: ASGI3Application,
        is_known: Callable[[HTTPScope], bool],
        house: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        self._app = app
        self._is_known = is_known
        self._house = list(house)
        self._threads = ThreadPoolExecutor(1, "is-known")

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unreadable = _unreadable(scope)
        if unreadable is not None:
            await self._refuse(scope, send, *unreadable)
            return
        headers = dict(scope["headers"])
        # None for a chunked body.
        is_chunked = b"transfer-encoding" in headers
        declared = None if is_chunked else int(headers.get(b"content-length", b"0"))
        if declared == 0:
            await self._app(scope, receive, send)
            return
        known = False
        if declared is None or declared > ANONYMOUS_MAX_BYTES:
            loop = asyncio.get_running_loop()
            known = await loop.run_in_executor(self._threads, self._is_known, scope)
        if declared is not None and declared > (
            AUTHENTICATED_MAX_BYTES if known else ANONYMOUS_MAX_BYTES
        ):
            # The application refuses the request by its length alone, with its own message.
            await self._app(scope, _Empty(receive), send)
            return
        await self._buffer(scope, receive, send, known=known)

    async def _buffer(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, *, known: bool
    ) -> None:
        """Read the body, then call the application; also a chunked one gets its length."""
        with SpooledTemporaryFile(IN_MEMORY) as kept:
            try:
                await _read(receive, kept, known=known)
            except ClientDisconnectedError:
                return
            except (BodyTooLargeError, TimeoutError) as error:
                await self._refuse(scope, send, *REFUSALS[type(error)])
                return
            size = kept.tell()
            kept.seek(0)
            framing = (b"content-length", b"transfer-encoding")
            headers = [(name, value) for name, value in scope["headers"] if name not in framing]
            length = (b"content-length", str(size).encode())
            sized: HTTPScope = {**scope, "headers": [*headers, length]}
            await self._app(sized, _Replay(kept, size, receive), send)

    async def _refuse(
        self, scope: HTTPScope, send: ASGISendCallable, status: HTTPStatus, detail: str
    ) -> None:
        headers, body = refusal(scope["path"], status, detail, self._house)
        await send_response(send, status, [(b"connection", b"close"), *headers], body)


def _unreadable(scope: HTTPScope) -> tuple[HTTPStatus, str] | None:
    """Check values that Django decodes before any middleware can catch the error: Python has
    encodings that are not of characters (hex, rot13), and addresses are ASCII (RFC 3986)."""
    # Several headers become one, as in Django.
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    try:
        charset = charset_of(b",".join(kinds).decode("latin-1"))
    except ValueError:
        return HTTPStatus.BAD_REQUEST, "The Content-Type header cannot be read."
    if charset is not None and not is_utf_8(charset):
        detail = f"Send UTF-8, not {charset[:40]}."
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail
    if not scope["query_string"].isascii():
        return HTTPStatus.BAD_REQUEST, "The address holds bytes that are not ASCII."
    return None


async def _read(receive: ASGIReceiveCallable, kept: Kept, *, known: bool) -> None:
    """Read the whole body. Raises BodyTooLargeError, ClientDisconnectedError, TimeoutError."""
    most = AUTHENTICATED_MAX_BYTES if known else ANONYMOUS_MAX_BYTES
    more = True
    async with asyncio.timeout(None if known else ANONYMOUS_TIMEOUT_SECONDS):
        while more:
            async with asyncio.timeout(AUTHENTICATED_IDLE_SECONDS):
                event = await receive()
            if event["type"] != "http.request":
                raise ClientDisconnectedError
            kept.write(event["body"])
            if kept.tell() > most:
                raise BodyTooLargeError
            more = event["more_body"]


class _Replay:
    """An ASGI receive that replays the buffered body."""

    def __init__(self, kept: Kept, size: int, receive: ASGIReceiveCallable) -> None:
        self._kept = kept
        self._left = size
        self._receive = receive
        self._ended = False

    async def __call__(self) -> ASGIReceiveEvent:
        if self._ended:
            return await self._receive()
        part = self._kept.read(PART)
        self._left -= len(part)
        self._ended = self._left <= 0
        return {"type": "http.request", "body": part, "more_body": not self._ended}


class _Empty:
    """An ASGI receive without a body."""

    def __init__(self, receive: ASGIReceiveCallable) -> None:
        self._receive = receive
        self._asked = False

    async def __call__(self) -> ASGIReceiveEvent:
        if self._asked:
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}
