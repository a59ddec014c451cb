# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Over HTTP/2 a far end sees one line at a time, and nothing is lost when it ends the line."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from canale.net import pins
from canale.net.http import GuardedClient, Headers
from canale.net.http_errors import NoResponseError
from tests.standins.certificate import certified
from tests.standins.http2 import Http2Server, Manners
from tests.standins.http11 import Http11Server, Reply, Request
from tests.waiting import TIMEOUT_SECONDS

AT_ONCE = 64
MESSAGES = 300
# RFC 8446, sections 4 and 6.2
CLIENT_HELLO = 1
NO_APPLICATION_PROTOCOL = 120


class Service:
    """A service that counts the messages per path, and its current server."""

    def __init__(self, folder: Path, manners: Manners) -> None:
        self._folder = folder
        self.authority, self.tls = certified(folder)
        self.taken: Counter[str] = Counter()
        self.hangs = False
        self.server = Http2Server(self.take, self.tls, manners)
        self.origin = ""

    async def take(self, request: Request) -> Reply:
        self.taken[request.path] += 1
        await asyncio.sleep(3600 if self.hangs else 0.01)
        return Reply(201)

    async def listen(self) -> None:
        self.origin = f"https://localhost:{await self.server.listen('localhost', 0)}"

    def http_1(self, *, refusing: bool) -> ssl.SSLContext:
        """Without HTTP/2; `refusing`: and who offers nothing else is told so (RFC 7301, 3.2)."""
        offered: dict[object, bool] = {}

        def read(line: object, way: str, _version: int, _kind: int, name: int, said: bytes) -> None:
            if way == "read" and name == CLIENT_HELLO:
                offered[line] = b"http/1.1" in said

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "localhost.pem")
        if refusing:
            context._msg_callback = read  # type: ignore[attr-defined]
            context.sni_callback = lambda line, _name, _context: (
                None if offered.pop(line) else NO_APPLICATION_PROTOCOL
            )
        return context

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])


def run(service: Service, work: Callable[[GuardedClient], Awaitable[None]]) -> None:
    async def whole() -> None:
        await service.listen()
        http = GuardedClient([service.origin], root_certificate=service.authority, bulk=True)
        try:
            await work(http)
        finally:
            await http.close()
            await service.server.close()

    asyncio.run(whole())


async def post(http: GuardedClient, service: Service, number: int) -> bool:
    """Send one message; tell whether it was answered."""
    url = f"{service.origin}/{number}"
    try:
        return (await http.request("POST", url, Headers({}), b"x" * 600)).status == 201
    except NoResponseError:
        return False


async def broadcast(http: GuardedClient, service: Service) -> int:
    """How many of MESSAGES were answered, with AT_ONCE under way."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> bool:
        async with room:
            return await post(http, service, number)

    return sum(await asyncio.gather(*map(one, range(MESSAGES))))


def test_burst_uses_one_connection(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners())

    async def work(http: GuardedClient) -> None:
        assert await broadcast(http, service) == MESSAGES

    run(service, work)
    assert [line.requests for line in service.server.lines] == [MESSAGES]
    assert service.server.lines[0].most_open > AT_ONCE // 2


def test_hanging_streams_do_not_block_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = 4
    service = Service(tmp_path, Manners(streams=streams))

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, 0)
        service.hangs = True
        waiting = [asyncio.create_task(post(http, service, n)) for n in range(1, 1 + streams)]
        (line,) = service.server.lines
        while line.open < streams:
            await asyncio.sleep(0.01)
        service.hangs = False
        monkeypatch.setattr(pins, "STALL_SECONDS", 0.05)
        await asyncio.sleep(0.1)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await post(http, service, 1 + streams)
        for each in waiting:
            each.cancel()

    run(service, work)
    assert [line.requests for line in service.server.lines] == [1 + streams, 1]


def test_message_that_may_come_twice_is_sent_again_over_another_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(tmp_path, Manners())
    monkeypatch.setattr(pins, "STALL_SECONDS", 0.05)

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, 0)
        service.hangs = True
        url, again = f"{service.origin}/1", timedelta(seconds=0.2)
        call = asyncio.create_task(http.request("POST", url, Headers({}), b"x", again_after=again))
        while not service.taken["/1"]:
            await asyncio.sleep(0.01)
        service.hangs = False
        assert (await call).status == 201

    run(service, work)
    assert service.taken["/1"] == 2
    assert [line.requests for line in service.server.lines] == [2, 1]


@pytest.mark.parametrize("streams", [10, 100])
def test_reconnecting_after_goaway_opens_one_connection_at_a_time(
    tmp_path: Path, streams: int
) -> None:
    each = 80
    service = Service(tmp_path, Manners(streams=streams, go_away_after=each))

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, MESSAGES)
        answered = await broadcast(http, service)
        assert len(service.taken) == 1 + answered
        # Some of the messages that every connection refuses are left for later.
        assert answered > MESSAGES * 0.95

    run(service, work)
    assert set(service.taken.values()) == {1}
    assert len(service.server.lines) <= 2 + MESSAGES // each
    assert sum(line.unprocessed for line in service.server.lines) >= MESSAGES // each


def test_refused_stream_is_sent_again_immediately(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners(refuse=2 * AT_ONCE))

    async def work(http: GuardedClient) -> None:
        assert await broadcast(http, service) == MESSAGES

    run(service, work)
    assert service.taken == Counter(f"/{number}" for number in range(MESSAGES))
    assert [line.unprocessed for line in service.server.lines] == [2 * AT_ONCE]


def test_service_that_refuses_every_stream_is_not_retried_forever(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners(refuse=1_000))

    async def work(http: GuardedClient) -> None:
        with pytest.raises(NoResponseError, match="refused unread"):
            await http.request("POST", f"{service.origin}/1", Headers({}), b"x")

    run(service, work)
    assert not service.taken
    assert service.server.lines[0].unprocessed == 18


def test_requests_of_a_broken_connection_are_not_sent_again(
    tmp_path: Path,
) -> None:
    manners = Manners(break_after=MESSAGES // 2)
    service = Service(tmp_path, manners)

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, MESSAGES)
        answered = await broadcast(http, service)
        assert MESSAGES - 3 * AT_ONCE <= answered < MESSAGES

    run(service, work)
    assert set(service.taken.values()) == {1}
    assert len(service.server.lines) <= 3


def test_evicting_other_origins_does_not_affect_a_healthy_connection(tmp_path: Path) -> None:
    manners = Manners(break_after=MESSAGES // 2)
    service = Service(tmp_path, manners)

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, MESSAGES)
        for number in range(2 * pins.MAX_PINS):
            pins._remember(http._pins._http2, f"https://a{number}.notify.windows.com", True)
        await broadcast(http, service)

    run(service, work)
    assert set(service.taken.values()) == {1}


def test_fallback_to_http_1_and_back_is_followed(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners())
    old = Http11Server(service.take, service.http_1(refusing=False))

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, 0)
        await service.server.close()
        await old.listen("localhost", service.port)
        answered = [await post(http, service, number) for number in range(1, 6)]
        # Nobody says why a line broke: the second failure makes us ask.
        assert answered == [False, False, True, True, True]
        await old.close()
        await service.server.listen("localhost", service.port)
        back = [await post(http, service, number) for number in range(6, 11)]
        assert back[-4:] == [True] * 4

    run(service, work)
    # One line on which it said that it speaks HTTP/2 again, then the one that is kept.
    assert [line.requests for line in service.server.lines] == [1, 1, 4]


def test_fallback_announced_by_alpn_loses_no_message(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners())
    old = Http11Server(service.take, service.http_1(refusing=True))

    async def work(http: GuardedClient) -> None:
        assert await post(http, service, MESSAGES)
        await service.server.close()
        await old.listen("localhost", service.port)
        assert await post(http, service, MESSAGES + 1)
        assert await broadcast(http, service) == MESSAGES
        await old.close()

    run(service, work)
    assert set(service.taken.values()) == {1}


def test_http_1_only_service_loses_no_message(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners())
    service.server = Http11Server(service.take, service.tls)  # type: ignore[assignment]

    async def work(http: GuardedClient) -> None:
        assert await broadcast(http, service) > MESSAGES - AT_ONCE

    run(service, work)


def test_http_1_only_service_with_alpn_is_reached_by_the_next_call(tmp_path: Path) -> None:
    service = Service(tmp_path, Manners())
    tls = service.http_1(refusing=True)
    service.server = Http11Server(service.take, tls)  # type: ignore[assignment]

    async def work(http: GuardedClient) -> None:
        assert [await post(http, service, number) for number in range(3)] == [False, True, True]

    run(service, work)
