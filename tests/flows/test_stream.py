# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The real-time stream over real sockets: a whole uvicorn server, and readers that are raw TCP."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from canale.live.encoding import EncodedEvent, encode_sse
from canale.live.hub import Hub
from canale.live.protocol import live_protocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

LIVE = b"GET /live/cremona HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"


def event(number: int, size: int = 20) -> EncodedEvent:
    data = json.dumps({"post": number, "pad": "x" * size})
    return EncodedEvent(number, encode_sse(number, "post", data))


class Database:
    """What the hub reads when its memory does not reach back far enough."""

    def __init__(self) -> None:
        self.events: list[EncodedEvent] = []
        self.reads = 0

    def backlog(self, handle: str, after: int) -> Sequence[EncodedEvent]:
        self.reads += 1
        return [event for event in self.events if event.id > after]


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

    async def reader(self, request: bytes = LIVE) -> "Reader":
        stream, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        return Reader(stream, writer)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.005)


class Reader:
    def __init__(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.stream = stream
        self.writer = writer

    async def head(self) -> str:
        async with asyncio.timeout(10):
            return (await self.stream.readuntil(b"\r\n\r\n")).decode().lower()

    async def body(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.stream.read()

    async def block(self) -> str:
        """One block of the stream: what stands before an empty line."""
        async with asyncio.timeout(10):
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
async def serving(hub: Hub, **options: Any) -> AsyncIterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    protocol = live_protocol(hub)
    config = uvicorn.Config(site, http=protocol, log_config=None, lifespan="off", **options)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    running = Running(hub, server, listener.getsockname()[1])
    await running.until(lambda: server.started)
    try:
        yield running
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await task


Flow = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Flow], None]:
    if request.param == "asyncio":
        return lambda flow: asyncio.run(flow())
    import uvloop

    return lambda flow: uvloop.run(flow())


def hub_with(last_id: int = 0, database: Database | None = None, **options: Any) -> Hub:
    hub = Hub((database or Database()).backlog, **options)
    hub.open("cremona", last_id)
    return hub


def test_a_reader_gets_the_headers_and_what_is_published(run: Callable[[Flow], None]) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader()
            head = await reader.stream_opened()
            for line in (
                "content-type: text/event-stream; charset=utf-8",
                "cache-control: no-store",
                "x-accel-buffering: no",
                "x-content-type-options: nosniff",
                "connection: close",
                "date: ",
            ):
                assert line in head
            assert "content-length" not in head
            site.hub.publish("cremona", event(1))
            assert await reader.block() == event(1).data.decode()
            counts = site.hub.counts()
            assert (counts.connections, counts.by_channel) == (1, {"cremona": 1})
            assert (counts.events, counts.deliveries) == (1, 1)
            reader.writer.close()
            await site.until(lambda: site.hub.counts().connections == 0)
            assert site.hub.counts().by_channel == {"cremona": 0}
            assert not site.server.server_state.connections

    run(flow)


def test_a_reused_connection_becomes_a_stream(run: Callable[[Flow], None]) -> None:
    async def flow() -> None:
        async with serving(hub_with(), timeout_keep_alive=1) as site:
            reader = await site.reader(PAGE)
            assert "200 ok" in await reader.head()
            assert await reader.stream.readexactly(5) == b"/page"
            reader.writer.write(LIVE)
            await reader.stream_opened()
            await asyncio.sleep(1.2)  # longer than the keep-alive of ordinary requests
            site.hub.publish("cremona", event(1))
            assert await reader.ids(1) == [1]

    run(flow)


def test_pipelined_requests_are_answered_first(run: Callable[[Flow], None]) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader(PAGE + PAGE + LIVE + PAGE)
            for _ in range(2):
                assert "200 ok" in await reader.head()
                assert await reader.stream.readexactly(5) == b"/page"
            await reader.stream_opened()
            site.hub.publish("cremona", event(1))
            assert await reader.block() == event(1).data.decode()

    run(flow)


def test_a_request_in_single_bytes_is_understood(run: Callable[[Flow], None]) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader(b"")
            sock = reader.writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in LIVE:
                reader.writer.write(bytes([byte]))
                await asyncio.sleep(0.001)
            await reader.stream_opened()

    run(flow)


def test_a_get_with_a_body_is_read_to_its_end(run: Callable[[Flow], None]) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            request = b"GET /live/cremona HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
            reader = await site.reader(request)
            reader.writer.write(b"body")
            await reader.stream_opened()

    run(flow)


@pytest.mark.parametrize(
    ("line", "extra", "status", "header"),
    [
        ("POST /live/cremona", "Content-Length: 2\r\n", 405, "allow: get, head"),
        ("GET /live/crema", "", 404, "application/problem+json"),
        ("GET /live/", "", 404, "application/problem+json"),
        ("GET /live/cremona/x", "", 404, "application/problem+json"),
        ("GET /live/cremona", "Last-Event-ID: abc\r\n", 400, "application/problem+json"),
        ("GET /live/cremona?last_event_id=-1", "", 400, "application/problem+json"),
        ("GET /live/cremona?last_event_id=%D9%A3", "", 400, "application/problem+json"),
    ],
)
def test_what_is_no_stream_is_a_problem(line: str, extra: str, status: int, header: str) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            request = f"{line} HTTP/1.1\r\nHost: x\r\n{extra}\r\n{'{}' if extra[:1] == 'C' else ''}"
            reader = await site.reader(request.encode() + PAGE)
            head = await reader.head()
            assert head.startswith(f"http/1.1 {status} ")
            assert header in head
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            document = json.loads(await reader.stream.readexactly(length))
            assert document["status"] == status
            assert document["detail"]
            assert "200 ok" in await reader.head()  # the connection goes on
            assert site.hub.counts().connections == 0

    asyncio.run(flow())


def test_head_has_the_headers_alone(run: Callable[[Flow], None]) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader(b"HEAD /live/cremona HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.head()
            assert "200 ok" in head
            assert "text/event-stream" in head
            assert await reader.body() == b""

    run(flow)
