# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pin: a client goes to the address that was checked, wherever the name leads later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from pyreqwest.client import Client

from canale.net import pins as net_pins
from canale.net.endpoints import EndpointRefusedError
from canale.net.http import GuardedClient
from canale.net.http_errors import (
    UNCONNECTED,
)
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
            await http.request("POST", "https://push.example/x", {}, b"")

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
            http._pins.failed("https://push.example", first, time.monotonic(), UNCONNECTED)
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


def test_address_that_answers_others_is_kept_when_a_connection_fails() -> None:
    async def work() -> None:
        origin = "https://push.example"
        pins = GuardedClient(resolver=Answers(["8.8.8.8", "8.8.4.4"]))._pins
        pin = await pins.get(origin)
        begun = pin.begin()
        pin.begin()
        pins.answered(origin, pin, "HTTP/1.1")
        assert pins.failed(origin, pin, begun, UNCONNECTED) is UNCONNECTED
        assert pins.held(origin) is pin
        pins.failed(origin, pin, time.monotonic(), UNCONNECTED)
        assert pins.held(origin) is None
        await pins.close()

    run(work())
