# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hosts outside are reached through an outgoing proxy (CONNECT)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from pathlib import Path

import pytest

from canale.net.endpoints import EndpointRefusedError, KnownHosts
from canale.net.http import GuardedClient, Headers, Response
from canale.net.http_errors import NoResponseError, NotProcessedError, ResolutionError
from tests.standins.certificate import certified
from tests.standins.http2 import Http2Server, Manners
from tests.standins.http11 import Reply, Request

LOCALHOST = KnownHosts(frozenset({"localhost"}))


class ConnectProxy:
    """Leads every CONNECT to one port of this machine, or refuses it."""

    def __init__(self, port: int, status: str = "200 OK") -> None:
        self.port = port
        self.status = status
        self.asked: list[str] = []
        self.credentials: list[str] = []
        self.server: asyncio.Server | None = None

    async def listen(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        address: tuple[str, int] = self.server.sockets[0].getsockname()
        return address[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split("\r\n")[0])
        self.credentials += [
            base64.b64decode(line.split()[-1]).decode()
            for line in head.split("\r\n")
            if line.lower().startswith("proxy-authorization: basic")
        ]
        writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if not self.status.startswith("200"):
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("localhost", self.port)
        await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def post(http: GuardedClient) -> Response:
    """POST to localhost, a name that only a caller who checks the origin itself may use."""
    origin = "https://localhost"
    return await http.request("POST", f"{origin}/x", Headers({}), b"x", origin=origin)


async def no_names(host: str, port: int) -> list[str]:
    raise AssertionError("the proxy resolves names")


def test_known_host_is_called_through_the_proxy_over_one_connection(tmp_path: Path) -> None:
    authority, tls = certified(tmp_path)

    async def take(request: Request) -> Reply:
        return Reply(201)

    async def flow() -> None:
        server = Http2Server(take, tls, Manners())
        proxy = ConnectProxy(await server.listen("localhost", 0))
        url = f"http://city:pass@127.0.0.1:{await proxy.listen()}"
        http = GuardedClient(
            resolver=no_names,
            known=LOCALHOST,
            root_certificate=authority,
            proxy=url,
            bulk=True,
        )
        try:
            replies = await asyncio.gather(*(post(http) for _ in range(20)))
            assert {reply.status for reply in replies} == {201}
            assert proxy.asked == ["CONNECT localhost:443 HTTP/1.1"]
            assert proxy.credentials == ["city:pass"]
        finally:
            await http.close()
            await server.close()

    asyncio.run(asyncio.wait_for(flow(), 60))


def test_far_end_behind_the_proxy_must_have_a_certificate_for_its_name(tmp_path: Path) -> None:
    _, tls = certified(tmp_path)

    async def take(request: Request) -> Reply:
        raise AssertionError("a call reached a server without a trusted certificate")

    async def flow() -> None:
        server = Http2Server(take, tls, Manners())
        proxy = ConnectProxy(await server.listen("localhost", 0))
        url = f"http://127.0.0.1:{await proxy.listen()}"
        http = GuardedClient(resolver=no_names, known=LOCALHOST, proxy=url)
        try:
            with pytest.raises(NoResponseError):
                await post(http)
        finally:
            await http.close()
            await server.close()

    asyncio.run(asyncio.wait_for(flow(), 60))


def test_refusing_proxy_raises_a_connection_error(tmp_path: Path) -> None:
    async def flow() -> None:
        proxy = ConnectProxy(1, "407 Proxy Authentication Required")
        url = f"http://127.0.0.1:{await proxy.listen()}"
        http = GuardedClient(resolver=no_names, known=LOCALHOST, proxy=url)
        with pytest.raises(NoResponseError, match="no connection"):
            await post(http)
        await http.close()

    asyncio.run(asyncio.wait_for(flow(), 60))


def test_trusted_origin_is_called_directly(tmp_path: Path) -> None:
    authority, tls = certified(tmp_path)

    async def take(request: Request) -> Reply:
        return Reply(201)

    async def flow() -> None:
        server = Http2Server(take, tls, Manners())
        origin = f"https://localhost:{await server.listen('localhost', 0)}"
        http = GuardedClient([origin], root_certificate=authority, proxy="http://127.0.0.1:1")
        try:
            reply = await http.request("POST", f"{origin}/x", Headers({}), b"x")
            assert reply.status == 201
        finally:
            await http.close()
            await server.close()

    asyncio.run(asyncio.wait_for(flow(), 60))


def test_unknown_host_is_looked_up_here_before_the_proxy_is_asked_for_it(tmp_path: Path) -> None:
    addresses = {"outside.example": ["8.8.8.8"], "inside.example": ["10.0.0.1"]}

    async def resolver(host: str, port: int) -> list[str]:
        if host not in addresses:
            raise OSError("no such name")
        return addresses[host]

    async def flow() -> None:
        proxy = ConnectProxy(1, "403 Forbidden")
        url = f"http://127.0.0.1:{await proxy.listen()}"
        http = GuardedClient(resolver=resolver, proxy=url)
        with pytest.raises(EndpointRefusedError, match="no public address"):
            await http.request("GET", "https://inside.example/x")
        with pytest.raises(ResolutionError):
            await http.request("GET", "https://unheard-of.example/x")
        assert proxy.asked == []
        with pytest.raises(NotProcessedError, match="no connection"):
            await http.request("GET", "https://outside.example/x")
        assert proxy.asked == ["CONNECT outside.example:443 HTTP/1.1"]
        await http.close()

    asyncio.run(asyncio.wait_for(flow(), 60))
