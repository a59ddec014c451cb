# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small HTTP/1.1 server on a thread of its own, which can also hang and drop the line."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import httptools

T = TypeVar("T")


@dataclass(slots=True)
class Request:
    """One request; header names are lower case."""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes = b""
    """If not empty, goes over the line instead, and ends it."""

    def encoded(self) -> bytes:
        """The answer as it goes over the line."""
        if self.raw:
            return self.raw
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{n}: {v}" for n, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


Handler = Callable[[Request], Awaitable[Reply | None]]
"""Gives the answer, or None to drop the line without one."""


class LoopThread:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end on that loop and give the result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def stop(self) -> None:
        """Cancel what runs there and end the thread."""
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _cancel_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Http11Protocol(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, handler: Handler, connections: set[Http11Protocol]) -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._body: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        self._request, self._body = Request(), []

    def on_url(self, url: bytes) -> None:
        self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._request.method = self._parser.get_method().decode("ascii")
        self._request.body = b"".join(self._body)
        task = asyncio.get_running_loop().create_task(self._answer(self._request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        reply = await self._handler(request)
        assert self.transport is not None
        if reply is None:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(reply.encoded())
            if reply.raw:
                self.transport.close()


class Http11Server:
    """Listens on the loop of a LoopThread."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._connections: set[Http11Protocol] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start to listen; gives the port."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Http11Protocol(self._handler, self._connections),
            host,
            port,
            ssl=self._tls,
            backlog=4096,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def shorten_queue(self, backlog: int) -> None:
        """Drop every line; only so many connections may wait to be accepted from now on, and the
        kernel drops others."""
        assert self._server is not None
        for each in self._server.sockets:
            with socket.fromfd(each.fileno(), each.family, each.type) as listener:
                listener.listen(backlog)
        self._drop_lines()

    async def close(self) -> None:
        """Stop listening and drop every line."""
        if self._server is not None:
            self._server.close()
        self._drop_lines()

    def _drop_lines(self) -> None:
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()
