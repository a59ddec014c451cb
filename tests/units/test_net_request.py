# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Requests to any public URL: which are allowed, what they return, and how they fail."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from canale.net import http as net_http
from canale.net.endpoints import EndpointRefusedError, checked_origin
from canale.net.http import GuardedClient
from canale.net.http_errors import (
    NoResponseError,
    NotProcessedError,
    ResolutionError,
    ResponseTooLargeError,
)
from tests.standins.certificate import certified
from tests.standins.http11 import Handler, Http11Server, Reply, Request

EXTRA = frozenset({"http://127.0.0.1:3000", "https://waha.example:8443"})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://mastodon.example/api/v1/statuses?x=1", "https://mastodon.example"),
        ("https://xn--citt-1na.example/@a", "https://xn--citt-1na.example"),
        ("https://example.xn--p1ai/", "https://example.xn--p1ai"),
        ("http://127.0.0.1:3000/send", "http://127.0.0.1:3000"),
        ("https://waha.example:8443/send", "https://waha.example:8443"),
    ],
)
def test_any_host_with_a_name_and_added_origins_may_be_called(url: str, origin: str) -> None:
    assert checked_origin(url, None, EXTRA) == origin


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://mastodon.example/x", "not https"),
        ("ftp://mastodon.example/x", "not a plain"),
        ("https://mastodon.example", "not a plain"),
        ("https://user@mastodon.example/x", "not a plain"),
        ("https://user:pass@mastodon.example/x", "not a plain"),
        ("https://mastodon.example:8443/x", "not the default port"),
        ("https://mastodon.example:443/x", "not the default port"),
        ("https://8.8.8.8/x", "not the name of a host"),
        ("https://[2a00:1450::200a]/x", "not the name of a host"),
        ("https://134744072/x", "not the name of a host"),
        ("https://0x8.8/x", "not the name of a host"),
        ("https://1.0x7f/x", "not the name of a host"),
        ("https://localhost/x", "not the name of a host"),
        ("https://mastodon.example./x", "not the name of a host"),
        ("https://Mastodon.example/x", "not a plain"),
        ("https://mastodon.example/x#y", "not a plain"),
        ("https://mastodon.example/x\r\nHost: inside", "not a plain"),
        ("http://127.0.0.1:3001/x", "not https"),
    ],
)
def test_any_other_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(EndpointRefusedError, match=reason):
        checked_origin(url, None, EXTRA)


def run(flow: Any) -> None:
    asyncio.run(asyncio.wait_for(flow, 60))


async def names(*addresses: str) -> list[str]:
    return list(addresses)


@asynccontextmanager
async def served(handler: Handler, **options: Any) -> AsyncIterator[tuple[GuardedClient, str]]:
    """A client and a trusted origin that the handler answers for."""
    server = Http11Server(handler)
    origin = f"http://127.0.0.1:{await server.listen('127.0.0.1', 0)}"
    client = GuardedClient([origin], **options)
    try:
        yield client, origin
    finally:
        await client.close()
        await server.close()


def test_request_is_sent_as_given_and_response_returned_whole() -> None:
    seen: list[Request] = []

    async def handler(request: Request) -> Reply:
        seen.append(request)
        return Reply(418, {"X-Copy": "1", "Retry-After": "5"}, b"\x00body")

    async def flow() -> None:
        async with served(handler) as (client, origin):
            response = await client.request("PUT", f"{origin}/a?b=c", {"X-Key": "k"}, b"data")
            assert (response.status, response.body) == (418, b"\x00body")
            assert [response.header(name) for name in ("x-copy", "Retry-After", "X-None")] == [
                "1",
                "5",
                None,
            ]
            await client.request("GET", f"{origin}/")

    run(flow())
    put, get = seen
    assert (put.method, put.path, put.body) == ("PUT", "/a?b=c", b"data")
    assert put.headers["x-key"] == "k"
    assert (get.method, get.body) == ("GET", b"")
    assert not {"content-length", "accept-encoding", "referer"} & get.headers.keys()


def test_redirect_is_returned_and_not_followed() -> None:
    paths: list[str] = []

    async def handler(request: Request) -> Reply:
        paths.append(request.path)
        return Reply(302, {"Location": "/elsewhere"})

    async def flow() -> None:
        async with served(handler) as (client, origin):
            response = await client.request("GET", f"{origin}/here")
            assert (response.status, response.header("location")) == (302, "/elsewhere")

    run(flow())
    assert paths == ["/here"]


def test_body_longer_than_the_limit_is_an_error_that_names_the_status() -> None:
    async def handler(request: Request) -> Reply:
        return Reply(201, body=b"x" * 1000)

    async def flow() -> None:
        async with served(handler) as (client, origin):
            assert len((await client.request("POST", f"{origin}/x", limit=1000)).body) == 1000
            with pytest.raises(ResponseTooLargeError) as error:
                await client.request("POST", f"{origin}/x", limit=999)
            assert error.value.status == 201
            # It was answered: repeating it is not safe.
            assert not isinstance(error.value, NotProcessedError)

    run(flow())


def test_answer_that_does_not_come_leaves_the_outcome_unknown() -> None:
    async def handler(request: Request) -> Reply | None:
        if request.path == "/breaks":
            return None
        await asyncio.sleep(3600)
        return None

    async def flow() -> None:
        async with served(handler, total_timeout=timedelta(seconds=0.3)) as (client, origin):
            for path, message in (("/hangs", "no answer in time"), ("/breaks", "broke")):
                with pytest.raises(NoResponseError, match=message) as error:
                    await client.request("POST", f"{origin}{path}", body=b"x")
                assert type(error.value) is NoResponseError

    run(flow())


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield nobody.getsockname()[1]


@contextlib.contextmanager
def full_queue() -> Iterator[int]:
    """A port whose queue of connections to accept is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.parametrize("port", [refusing_port, full_queue])
def test_connection_that_is_not_made_allows_to_repeat_the_request(
    port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net_http, "CONNECT_TIMEOUT", timedelta(seconds=0.2))

    async def flow() -> None:
        with port() as number:
            origin = f"http://127.0.0.1:{number}"
            client = GuardedClient([origin])
            with pytest.raises(NotProcessedError, match="no connection"):
                await client.request("POST", f"{origin}/x", body=b"x")
            await client.close()

    run(flow())


def test_server_without_a_certificate_for_its_name_is_not_sent_anything(tmp_path: Path) -> None:
    _, tls = certified(tmp_path)

    async def handler(request: Request) -> Reply:
        raise AssertionError("sent to a server without a trusted certificate")

    async def flow() -> None:
        server = Http11Server(handler, tls)
        origin = f"https://localhost:{await server.listen('localhost', 0)}"
        client = GuardedClient([origin])
        with pytest.raises(NotProcessedError):
            await client.request("POST", f"{origin}/x", body=b"x")
        await client.close()
        await server.close()

    run(flow())


def test_name_that_leads_inside_is_refused() -> None:
    async def flow() -> None:
        client = GuardedClient(resolver=lambda *_: names("10.0.0.1", "::1"))
        with pytest.raises(EndpointRefusedError, match="no public address"):
            await client.request("GET", "https://inside.example/x")

    run(flow())


def test_name_that_cannot_be_resolved_allows_to_repeat_the_request() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "")

    async def flow() -> None:
        client = GuardedClient(resolver=nobody)
        with pytest.raises(ResolutionError):
            await client.request("GET", "https://x.example/x")

    assert issubclass(ResolutionError, NotProcessedError)
    run(flow())


@pytest.mark.parametrize(
    ("method", "headers"), [("GE T", {}), ("GET", {"X": "a\r\nY: b"}), ("GET", {"X Y": "a"})]
)
def test_method_or_header_that_http_does_not_allow_is_an_error(
    method: str, headers: dict[str, str]
) -> None:
    async def flow() -> None:
        async with served(lambda _: asyncio.sleep(0, Reply(200))) as (client, origin):
            with pytest.raises(ValueError, match="header|method"):
                await client.request(method, f"{origin}/x", headers)

    run(flow())
