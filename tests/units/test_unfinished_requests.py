# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A request that does not end is ended, at every address; and one client holds few of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
import uvicorn
from django.urls import get_resolver

from canale.api import fast_path
from canale.api.fast_path import FastPath
from canale.api.urls import router
from canale.live.hub import Hub
from canale.live.protocol import live_protocol
from canale.net import body_buffering, timeouts
from canale.net import connections as counting
from canale.net.body_buffering import BufferedBodyMiddleware
from canale.net.connections import Connections
from canale.net.responses import header_lines
from canale.public.page_store import PageStore
from canale.public.security import security_headers
from tests.units.test_unreadable_requests import _filled, _patterns
from tests.waiting import TIMEOUT_SECONDS

SHORT = 0.4
VALUES = {"handle": "cremona", "post_id": "1", "secret": "x", "image_id": "1", "code": "abcdefgh"}


class Behind:
    """Stands in for Django: keeps the paths of the requests that came whole."""

    def __init__(self) -> None:
        self.whole: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        self.whole.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole", "more_body": False})


@contextlib.asynccontextmanager
async def serving(behind: Behind, connections: Connections) -> AsyncIterator[int]:
    """The house's own way from the socket to Django; the port."""
    house = header_lines(security_headers())
    whole = BufferedBodyMiddleware(behind, lambda scope: False, house)  # type: ignore[arg-type]
    pages = PageStore(FastPath(whole, security_headers()))  # type: ignore[arg-type]
    hub = Hub(lambda handle, after: [])
    hub.open("cremona", 0)
    protocol = live_protocol(hub, pages.try_cached, None, house, connections)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    options: Any = {"http": protocol, "log_config": None, "access_log": False}
    server = uvicorn.Server(
        uvicorn.Config(pages, lifespan="off", forwarded_allow_ips="127.0.0.2", **options)
    )  # type: ignore[arg-type]
    task = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(timeouts, name, SHORT)
    # The protocol ends what does not end, whoever reads it.
    monkeypatch.setattr(body_buffering, "ANONYMOUS_TIMEOUT_SECONDS", 600)
    monkeypatch.setattr(fast_path, "ANONYMOUS_TIMEOUT_SECONDS", 600)


def run(flow: Coroutine[Any, Any, None]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await flow

    asyncio.run(whole())


def _addresses() -> list[tuple[str, str]]:
    calls = [
        (method, "/api/v1" + address.format(**VALUES))
        for address, path in router.path_operations.items()
        for operation in path.operations
        for method in operation.methods
    ]
    forms = [("POST", "/" + _filled(pattern, VALUES)) for pattern in _patterns(get_resolver())]
    more = ["/live/cremona", "/live/parma", "/healthz", "/readyz", "/api/", "/nowhere"]
    return [*calls, *forms, *(("POST", path) for path in more), ("GET", "/live/cremona")]


def _head(method: str, path: str, *more: str) -> bytes:
    path = "".join(sign if " " < sign < "\x7f" and sign not in "()?<>" else "x" for sign in path)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    return "\r\n".join([*lines, *more]).encode() + b"\r\n\r\n"


async def _ended(port: int, sent: bytes, *, slowly: bytes = b"") -> bytes:
    """All that is answered until the server closes; ``slowly`` is sent byte by byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    try:
        writer.write(sent)
        for byte in slowly:
            await asyncio.sleep(SHORT / 8)
            if answer.done():
                break
            writer.write(bytes([byte]))
        return await answer
    except ConnectionError:
        return b""
    finally:
        answer.cancel()
        writer.close()


UNFINISHED = {
    "half a body": (("Content-Length: 900",), b"{", b""),
    "no body at all": (("Content-Length: 900",), b"", b""),
    "a body that trickles": (("Content-Length: 900",), b"", b"x" * 900),
    "chunks without end": (("Transfer-Encoding: chunked",), b"1\r\n{\r\n", b"1\r\nx\r\n" * 200),
    "a body that waits to be asked for": (("Content-Length: 9", "Expect: 100-continue"), b"", b""),
}


@pytest.mark.parametrize("kind", UNFINISHED)
def test_endless_body_times_out_at_every_path(kind: str) -> None:
    more, start, slowly = UNFINISHED[kind]

    async def flow() -> None:
        behind = Behind()
        async with serving(behind, Connections()) as port:
            every = _addresses()
            asked = [_ended(port, _head(*call, *more) + start, slowly=slowly) for call in every]
            answers = dict(zip(every, await asyncio.gather(*asked), strict=True))
        assert not behind.whole
        for (method, path), answer in answers.items():
            last = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            said, _, body = last.partition(b"\r\n\r\n")
            if not answer and slowly:
                continue  # Bytes in flight when the server closed reset the connection.
            if path.startswith("/api/v1/"):
                assert b" 408 " in said.split(b"\r\n")[0], (method, path, answer)
                assert json.loads(body)["status"] == 408
                assert b"content-security-policy" in said.lower()
            elif said:
                assert b"HTTP/1.1 4" in said, (method, path, answer)

    run(flow())


@pytest.mark.parametrize("start", [b"", b"G", b"GET / HTTP/1.1\r\nHost:"])
def test_endless_head_times_out(start: bytes) -> None:
    async def flow() -> None:
        async with serving(Behind(), Connections()) as port:
            await _ended(port, start)
            await _ended(port, start, slowly=b"GET / HTTP/1.1\r\nHost: x" + b"y" * 200)

    run(flow())


def test_progressing_body_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "BODY_PART_BYTES", 4)

    async def flow() -> None:
        behind = Behind()
        async with serving(behind, Connections()) as port:
            sent = _head("POST", "/newsroom/", "Content-Length: 24", "Connection: close")
            assert (await _ended(port, sent, slowly=b"x" * 24)).endswith(b"5\r\nwhole\r\n0\r\n\r\n")
        assert behind.whole == ["/newsroom/"]

    run(flow())


def test_oldest_unfinished_connections_of_a_client_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a newcomer, of the same address too, is answered."""

    monkeypatch.setattr(timeouts, "HEAD_SECONDS", 5)
    monkeypatch.setattr(timeouts, "BODY_SECONDS", 5)
    monkeypatch.setattr(counting, "GRACE_SECONDS", 0.3)

    async def flow() -> None:
        connections = Connections(1_000, 8)
        async with serving(Behind(), connections) as port:
            starts = [b"", b"GET / HT", _head("POST", "/newsroom/", "Content-Length: 9") + b"{"]
            held = [asyncio.create_task(_ended(port, starts[n % 3])) for n in range(60)]
            await asyncio.sleep(0.5)
            for _ in range(40):
                sent = _head("GET", "/newsroom/", "Connection: close")
                assert (await _ended(port, sent)).startswith(b"HTTP/1.1 200")
            assert len(connections._waiting) <= 9
            await asyncio.gather(*held)

    run(flow())


class Open:
    def __init__(self, *, busy: bool = False) -> None:
        self.busy, self.gave_way = busy, False

    def is_busy(self) -> bool:
        return self.busy

    def give_way(self) -> None:
        self.gave_way = True


class Clock:
    """Jumps ahead between any two connections."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 10.0
        return self.now


def _opened(connections: Connections, address: str, **more: bool) -> Open:
    one = Open(**more)
    connections.opened(one)
    connections.waits(one, address)
    return one


def test_many_clients_behind_one_address_are_served() -> None:
    """Each phone's request is complete a moment after it connects."""
    connections = Connections(20_000, 512, Clock())
    phones = []
    for number in range(10_000):
        phones.append(_opened(connections, "192.0.2.1"))
        if number >= 400:
            connections.used(phones[number - 400])
    assert not any(phone.gave_way for phone in phones)


def test_simultaneous_connections_are_given_time() -> None:
    now = [100.0]
    connections = Connections(20_000, 512, lambda: now[0])
    rush = [_opened(connections, "192.0.2.1") for _ in range(2_000)]
    assert not any(one.gave_way for one in rush)
    now[0] += 2.0
    later = [_opened(connections, "192.0.2.1") for _ in range(1_488)]
    assert [one.gave_way for one in rush] == [True] * 2_000
    assert not any(one.gave_way for one in later)


def test_networks_are_counted_separately() -> None:
    connections = Connections(100, 2, Clock())
    first = [_opened(connections, f"2001:db8::{number}") for number in range(3)]
    assert [one.gave_way for one in first] == [True, False, False]
    other = _opened(connections, "2001:db8:0:1::1")
    assert not any(one.gave_way for one in (*first[1:], other))


def test_least_recently_used_connection_is_closed_at_the_limit() -> None:
    connections = Connections(4, 2, Clock())
    busy = _opened(connections, "192.0.2.1", busy=True)
    idle = [_opened(connections, f"192.0.2.{number}") for number in (2, 3, 4)]
    for one in (idle[1], idle[0], idle[2]):
        connections.used(one)
    _opened(connections, "192.0.2.5")
    assert [one.gave_way for one in (busy, *idle)] == [False, False, True, False]


def test_incomplete_bodies_of_many_networks_do_not_take_all_slots() -> None:
    """A connection with half a body is busy to the server: the application waits for the rest."""
    connections = Connections(50, 10, Clock())
    answered = _opened(connections, "192.0.2.1", busy=True)
    connections.used(answered)
    held = [_opened(connections, f"2001:db8:0:{n:x}::1", busy=True) for n in range(200)]
    assert sum(not one.gave_way for one in (answered, *held)) == 50
    assert not answered.gave_way


def test_closed_connections_are_not_counted() -> None:
    connections = Connections(4, 2, Clock())
    for _ in range(20):
        one = _opened(connections, "192.0.2.1")
        connections.closed(one)
        assert not one.gave_way
    assert not connections._open
    assert not connections._waiting
    assert not connections._of_client


def test_connection_with_too_many_pipelined_requests_is_closed() -> None:
    async def flow() -> None:
        behind = Behind()
        async with serving(behind, Connections()) as port:
            answer = await _ended(port, _head("GET", "/newsroom/") * 10_000)
            assert len(behind.whole) <= timeouts.MAX_UNANSWERED
            assert answer.count(b"HTTP/1.1 ") <= timeouts.MAX_UNANSWERED + 1
            sent = _head("GET", "/newsroom/") * 9
            sent += _head("GET", "/newsroom/", "Connection: close")
            assert (await _ended(port, sent)).count(b"HTTP/1.1 200") == 10

    run(flow())
