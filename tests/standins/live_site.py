# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole uvicorn server with a hub and a tiny site, and readers that are raw TCP connections."""

import asyncio
import contextlib
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import uvicorn

from canale.live.encoding import EncodedEvent, encode_sse
from canale.live.hub import Hub
from canale.live.protocol import CachedResponder, live_protocol, no_cache
from tests.waiting import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

Flow = Callable[[], Coroutine[Any, Any, None]]
Run = Callable[[Flow], None]

RETRY = re.compile(rb"retry: ([1-5][0-9]{3}|6000)\n\n")
LIVE = b"GET /live/cremona HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"


def event(number: int, size: int = 20) -> EncodedEvent:
    data = json.dumps({"post": number, "pad": "x" * size})
    return EncodedEvent(number, encode_sse(number, "post", data))


class Database:
    """The events that the hub reads when its memory does not reach back far enough."""

    def __init__(self) -> None:
        self.events: list[EncodedEvent] = []
        self.reads = 0

    def backlog(self, handle: str, after: int) -> Sequence[EncodedEvent]:
        self.reads += 1
        return [event for event in self.events if event.id > after]


class HeldDatabase(Database):
    """Answers its first read once the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.answer = threading.Event()

    def backlog(self, handle: str, after: int) -> Sequence[EncodedEvent]:
        self.asked.set()
        assert self.answer.wait(TIMEOUT_SECONDS)
        return super().backlog(handle, after)


async def site(scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
    """The rest of the site: a page that takes a turn of the loop to answer."""
    assert scope["type"] == "http"
    await asyncio.sleep(0)
    body = scope["path"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Running:
    def __init__(self, hub: Hub, server: uvicorn.Server, port: int) -> None:
        self.hub = hub
        self.server = server
        self.port = port
        # A reader that nobody holds would be collected, and its connection closed.
        self.readers: list[Reader] = []

    async def reader(self, request: bytes = LIVE) -> "Reader":
        stream, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**23)
        writer.write(request)
        self.readers.append(Reader(stream, writer))
        return self.readers[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not true():
                await asyncio.sleep(0.005)


class Reader:
    def __init__(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.stream = stream
        self.writer = writer

    async def head(self) -> str:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return (await self.stream.readuntil(b"\r\n\r\n")).decode().lower()

    async def body(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.stream.read()

    async def block(self) -> str:
        """One block of the stream: what stands before an empty line."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return (await self.stream.readuntil(b"\n\n")).decode()

    async def ids(self, last: int) -> list[int]:
        """The numbers of all events up to and with `last`."""
        seen: list[int] = []
        while not seen or seen[-1] != last:
            block = await self.block()
            if "\nid: " in block:
                seen.append(int(block.split("\nid: ")[1].split("\n")[0]))
        return seen

    async def stream_opened(self) -> str:
        head = await self.head()
        assert head.startswith("http/1.1 200 ok"), head
        assert await self.block() == "retry: 3000\n\n"
        return head


@contextlib.asynccontextmanager
async def serving(
    hub: Hub, try_cached: CachedResponder = no_cache, **options: Any
) -> AsyncIterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    protocol = live_protocol(hub, try_cached)
    config = uvicorn.Config(site, http=protocol, log_config=None, lifespan="off", **options)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    running = Running(hub, server, listener.getsockname()[1])
    await running.until(lambda: server.started)
    try:
        yield running
    finally:
        server.should_exit = True
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await task


def live(after: int | str) -> bytes:
    return f"GET /live/cremona HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {after}\r\n\r\n".encode()


def hub_with(last_id: int = 0, database: Database | None = None, **options: Any) -> Hub:
    # A heartbeat now and then would stand between the events.
    hub = Hub((database or Database()).backlog, **{"heartbeat": 3600.0, **options})
    hub.open("cremona", last_id)
    return hub
