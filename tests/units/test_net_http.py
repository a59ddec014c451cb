# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pin: a client goes to the address that was checked, wherever the name leads later."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError

from canale.net import http as net_http
from canale.net import pins as net_pins
from canale.net.endpoints import EndpointRefusedError
from canale.net.http import GuardedClient
from canale.net.http_errors import FAILURES, UNPROCESSED, NoResponseError
from canale.net.pins import Pins
from tests.standins.http11 import Http11Server, LoopThread, Reply, Request


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


class Answers:
    """A resolver that gives one list of addresses after the other, then the last again."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def test_name_that_resolves_to_a_private_address_is_not_called() -> None:
    async def work() -> None:
        http = GuardedClient(resolver=Answers(["127.0.0.1", "10.0.0.1", "::1"]))
        with pytest.raises(EndpointRefusedError, match="no public address"):
            await http.post("https://push.example", "https://push.example/x", {}, b"")

    run(work())


def test_pinned_address_is_called_whatever_dns_answers_later() -> None:
    hosts: list[str] = []

    async def handler(request: Request) -> Reply:
        hosts.append(request.headers["host"])
        return Reply(201)

    thread = LoopThread()
    thread.start()
    server = Http11Server(handler)
    port = thread.run(server.listen("127.0.0.1", 0))

    async def work() -> None:
        # ``.invalid`` never resolves (RFC 6761): only the pin can lead to the server.
        http = GuardedClient()
        client = http._builder().resolve("push.invalid", "127.0.0.1", port).build()
        answer = await client.post(f"http://push.invalid:{port}/x").build().send()
        assert answer.status == 201
        await client.close()

    run(work())
    thread.run(server.close())
    thread.stop()
    assert hosts == [f"push.invalid:{port}"]


def test_a_name_is_resolved_once_for_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        resolver = Answers(["8.8.8.8"])
        http = GuardedClient(resolver=resolver)
        pins = await asyncio.gather(*(http._pins.get("https://push.example") for _ in range(50)))
        assert len({id(pin) for pin in pins}) == 1
        assert resolver.asked == 1
        monkeypatch.setattr(net_pins, "PIN_SECONDS", -1.0)
        assert await http._pins.get("https://push.example") is not pins[0]
        assert resolver.asked == 2
        await http.close()

    run(work())


def test_dns_rebinding_after_the_pin_expires_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_pins, "PIN_SECONDS", -1.0)

    async def work() -> None:
        http = GuardedClient(resolver=Answers(["8.8.8.8"], ["127.0.0.1"]))
        await http._pins.get("https://push.example")
        with pytest.raises(EndpointRefusedError):
            await http._pins.get("https://push.example")

    run(work())


def test_next_address_is_tried_when_one_refuses() -> None:
    async def work() -> None:
        resolver = Answers(["8.8.8.8", "8.8.4.4"])
        http = GuardedClient(resolver=resolver)
        first = await http._pins.get("https://push.example")
        for _ in range(3):
            http._pins._rotate_address("https://push.example", first)
        assert await http._pins.get("https://push.example") is not first
        assert http._pins._turns == {"https://push.example": 1}
        await http.close()

    run(work())


def test_number_of_cached_clients_is_bounded() -> None:
    async def work() -> None:
        answers = Answers(["8.8.8.8"])
        http = GuardedClient(resolver=answers)
        for number in range(net_pins.MAX_PINS + 5):
            await http._pins.get(f"https://a{number}.notify.windows.com")
            # The one that is used all the time keeps its connections.
            await http._pins.get("https://fcm.googleapis.com")
        assert len(http._pins._pins) == net_pins.MAX_PINS
        assert answers.asked == net_pins.MAX_PINS + 6
        assert "https://a0.notify.windows.com" not in http._pins._pins
        await http.close()

    run(work())


class Stuck:
    """A client that cannot be closed."""

    async def close(self) -> None:
        raise RuntimeError("it is closed already")


def test_connection_that_cannot_be_closed_does_not_block_calls(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(net_pins, "PIN_SECONDS", -1.0)

    async def work() -> None:
        http = GuardedClient(resolver=Answers(["8.8.8.8"]))
        first = await http._pins.get("https://push.example")
        first.client = cast("Client", Stuck())
        second = await http._pins.get("https://push.example")
        first.made_at = float("-inf")
        # Retired, and due to be closed before this one is made.
        third = await http._pins.get("https://push.example")
        assert len({id(pin) for pin in (first, second, third)}) == 3
        third.client = cast("Client", Stuck())
        await http.close()

    run(work())
    assert caplog.text.count("Error closing an old connection") == 2


def test_cancelled_call_does_not_cancel_a_shared_resolution() -> None:
    async def work() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def resolver(host: str, port: int) -> list[str]:
            asked.set()
            await go_on.wait()
            return ["8.8.8.8"]

        http = GuardedClient(resolver=resolver)
        first = asyncio.create_task(http._pins.get("https://push.example"))
        second = asyncio.create_task(http._pins.get("https://push.example"))
        await asked.wait()
        first.cancel()
        go_on.set()
        assert await second is http._pins._pins["https://push.example"]
        await http.close()

    run(work())


def test_unresolvable_name_raises_no_response_error() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async def work() -> None:
        http = GuardedClient(resolver=resolver)
        with pytest.raises(NoResponseError, match="cannot be resolved"):
            await http.post("https://push.example", "https://push.example/x", {}, b"")

    run(work())


def test_host_that_never_answered_is_tried_once_and_keeps_its_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client takes milliseconds to make: of invented hosts, who makes them asks us for many."""
    made: list[int] = []
    build = GuardedClient._builder

    def counted(http: GuardedClient) -> ClientBuilder:
        made.append(threading.get_ident())
        return build(http)

    monkeypatch.setattr(GuardedClient, "_builder", counted)
    with socket.socket() as nobody:
        # Bound, so that it is nobody else's, and not listening.
        nobody.bind(("127.0.0.1", 0))
        origin = f"https://127.0.0.1:{nobody.getsockname()[1]}"

        async def work() -> None:
            http = GuardedClient([origin], http2_first=True)
            counts = []
            for _ in range(4):
                with pytest.raises(NoResponseError, match="no connection"):
                    await http.post(origin, f"{origin}/x", {}, b"")
                counts.append(len(made))
            # One for HTTP/2, then one that asks.
            assert counts == [1, 2, 2, 2]
            assert threading.get_ident() not in made
            await http.close()

        run(work())


def test_call_has_one_total_timeout() -> None:
    """Each step has its own time; together they must not outlast a batch that is held."""

    async def resolver(host: str, port: int) -> list[str]:
        await asyncio.sleep(3600)
        return []

    async def work() -> None:
        http = GuardedClient(resolver=resolver, total_timeout=timedelta(seconds=0.2))
        async with asyncio.timeout(5):
            with pytest.raises(NoResponseError, match="no answer in time"):
                await http.post("https://push.example", "https://push.example/x", {}, b"")
        await http.close()

    run(work())


class Sends:
    """A client, and the request that it builds; each call does what comes next."""

    def __init__(self, *sends: Callable[[], Awaitable[object]]) -> None:
        self._sends = list(sends)
        self.request = self.headers = self.body_bytes = lambda *_: self
        self.build_streamed = lambda: self

    async def __aenter__(self) -> object:
        return await self._sends.pop(0)()

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left of it."""

    async def close(self) -> None:
        """Nothing is open."""


async def answers(version: str = "HTTP/1.1") -> object:
    body = SimpleNamespace(read=lambda _: asyncio.sleep(0))
    said = {"status": 201, "version": version, "body_reader": body}
    return SimpleNamespace(**said, get_header=lambda _: None)


def test_second_try_gets_the_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_http, "GRACE_SECONDS", 0.2)
    passed = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
    monkeypatch.setattr(net_http, "time", clock)

    async def refused_late() -> object:
        nonlocal passed
        passed += 1_000
        said = next(text for text, what in FAILURES.items() if what is UNPROCESSED)
        raise RequestError("no", {"causes": [{"message": said}]})

    async def hangs() -> object:
        await asyncio.Event().wait()
        return None

    async def work() -> None:
        origin, client = "http://push.example", Sends(answers, refused_late, hangs)
        monkeypatch.setattr(Pins, "_built", lambda *_, **__: client)
        http = GuardedClient([origin], total_timeout=timedelta(seconds=1_000))
        assert (await http.post(origin, f"{origin}/x", {}, b"")).status == 201
        # With a whole time of its own the second try would hang for 1,000 s.
        async with asyncio.timeout(60):
            with pytest.raises(NoResponseError, match="no answer in time"):
                await http.post(origin, f"{origin}/x", {}, b"")
        await http.close()

    run(work())


def test_memory_of_origins_that_answered_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(net_pins, "MAX_PINS", 3)
    origins = [f"http://push{number}.example" for number in range(8)]

    async def work() -> None:
        client = Sends(*[partial(answers, "HTTP/2.0")] * len(origins))
        monkeypatch.setattr(Pins, "_built", lambda *_, **__: client)
        http = GuardedClient(origins, http2_first=True)
        for origin in origins:
            await http.post(origin, f"{origin}/x", {}, b"")
        assert list(http._pins._known) == list(http._pins._http2) == origins[-3:]
        await http.close()

    run(work())


def test_unresponsive_name_server_raises_no_response_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_pins, "RESOLVE_TIMEOUT", 0.05)

    async def resolver(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def work() -> None:
        http = GuardedClient(resolver=resolver)
        with pytest.raises(NoResponseError, match="cannot be resolved"):
            await http.post("https://push.example", "https://push.example/x", {}, b"")

    run(work())


def test_endless_response_body_is_cut() -> None:
    """And its connection is closed, or it would go on coming."""
    sent, ended = [0], asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 410 Gone\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 2**16)
                sent[0] += 2**16
                await writer.drain()
        except ConnectionError:
            ended.set()

    async def work() -> None:
        server = await asyncio.start_server(endless, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        http = GuardedClient([origin], total_timeout=timedelta(seconds=30))
        assert (await http.post(origin, f"{origin}/x", {}, b"")).status == 410
        await ended.wait()
        # What both kernels and the client's own buffers take is some megabytes.
        assert sent[0] < 64 * 2**20
        await http.close()
        server.close()

    run(work())


def test_response_with_an_unreadable_header_is_accepted() -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: \xff\xfe\r\n"
        writer.write(head + b"Content-Length: 0\r\n\r\n")
        await writer.drain()

    async def work() -> None:
        server = await asyncio.start_server(odd, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        http = GuardedClient([origin])
        assert await http.post(origin, f"{origin}/x", {}, b"") == (429, None)
        await http.close()
        server.close()

    run(work())
