# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Failures of calls, their time-outs, and the bounds on what is read and remembered."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import RequestError

from canale.net import http as net_http
from canale.net import pins as net_pins
from canale.net.http import GuardedClient
from canale.net.http_errors import (
    FAILURES,
    UNDELIVERED,
    UNPROCESSED,
    NoResponseError,
    NotProcessedError,
    ResponseTooLargeError,
)
from canale.net.pins import Pins


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_unresolvable_name_raises_no_response_error() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async def work() -> None:
        http = GuardedClient(resolver=resolver)
        with pytest.raises(NoResponseError, match="cannot be resolved"):
            await http.request("POST", "https://push.example/x", {}, b"")

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
            http = GuardedClient([origin], bulk=True)
            counts = []
            for _ in range(4):
                with pytest.raises(NoResponseError, match="no connection"):
                    await http.request("POST", f"{origin}/x", {}, b"")
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
                await http.request("POST", "https://push.example/x", {}, b"")
        await http.close()

    run(work())


class Sends:
    """A client, and the request that it builds; each call does what comes next."""

    def __init__(self, *sends: Callable[[], Awaitable[object]]) -> None:
        self._sends = list(sends)
        self.request = self.headers = self.body_bytes = self.timeout = lambda *_: self
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
        assert (await http.request("POST", f"{origin}/x", {}, b"")).status == 201
        # With a whole time of its own the second try would hang for 1,000 s.
        async with asyncio.timeout(60):
            with pytest.raises(NoResponseError, match="no answer in time"):
                await http.request("POST", f"{origin}/x", {}, b"")
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
        http = GuardedClient(origins, bulk=True)
        for origin in origins:
            await http.request("POST", f"{origin}/x", {}, b"")
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
            await http.request("POST", "https://push.example/x", {}, b"")

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
        with pytest.raises(ResponseTooLargeError, match="410"):
            await http.request("POST", f"{origin}/x")
        await ended.wait()
        # Both kernels' and the client's own buffers take some megabytes.
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
        response = await http.request("POST", f"{origin}/x", {}, b"")
        assert (response.status, response.header("retry-after")) == (429, None)
        await http.close()
        server.close()

    run(work())


@pytest.mark.parametrize("again_after", [None, timedelta(seconds=1000)])
def test_unconfirmed_message_is_repeated_if_it_may_arrive_twice(
    monkeypatch: pytest.MonkeyPatch, again_after: timedelta | None
) -> None:
    async def unconfirmed() -> object:
        text = next(text for text, what in FAILURES.items() if what is UNDELIVERED)
        raise RequestError("no", {"causes": [{"message": text}]})

    async def work() -> None:
        origin, client = "http://push.example", Sends(unconfirmed, unconfirmed, answers)
        monkeypatch.setattr(Pins, "_built", lambda *_, **__: client)
        http = GuardedClient([origin])
        send = http.request("POST", f"{origin}/x", {}, b"", again_after=again_after)
        if again_after is None:
            with pytest.raises(NoResponseError, match="nothing was confirmed") as error:
                await send
            assert not isinstance(error.value, NotProcessedError)
        else:
            assert (await send).status == 201
        await http.close()

    run(work())
