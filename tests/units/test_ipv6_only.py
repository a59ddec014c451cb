# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A machine that has IPv6 alone serves its site and reaches push services."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from canale.cli import serve
from canale.net import endpoints, pins
from canale.net.endpoints import public_addresses
from canale.net.http import GuardedClient, Headers
from tests.ports import free_port
from tests.standins.certificate import certified
from tests.standins.http2 import Http2Server, Manners
from tests.standins.http11 import Reply, Request


@pytest.mark.parametrize("host", ["::1", "::", "localhost"])
def test_site_listens_on_a_name_with_ipv6_only(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    real = socket.getaddrinfo

    def without_ipv4(name: str, *args: Any, **more: Any) -> list[Any]:
        return real("::1" if name == "localhost" else name, *args, **more)

    port = free_port()
    monkeypatch.setattr(serve, "settings", SimpleNamespace(host=host, port=port, web_processes=1))
    monkeypatch.setattr(socket, "getaddrinfo", without_ipv4)
    with serve._listen() as listener, socket.create_connection(("::1", port), 5):
        assert listener.family == socket.AF_INET6


def test_push_service_with_ipv6_only_is_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, tls = certified(tmp_path)
    monkeypatch.setattr(endpoints, "is_public", lambda address: address == "::1")

    async def take(request: Request) -> Reply:
        return Reply(201)

    async def names(host: str, port: int) -> list[str]:
        return ["::1"]

    async def flow() -> None:
        server = Http2Server(take, tls, Manners())
        origin = f"https://localhost:{await server.listen('::1', 0)}"
        http = GuardedClient(resolver=names, root_certificate=authority)
        try:
            reply = await http.request("POST", f"{origin}/x", Headers({}), b"x", origin=origin)
            assert reply.status == 201
        finally:
            await http.close()
            await server.close()

    assert pins.public_addresses is public_addresses
    asyncio.run(asyncio.wait_for(flow(), 60))


def test_push_service_without_ipv6_is_reached_through_nat64() -> None:
    async def names(host: str, port: int) -> list[str]:
        return ["64:ff9b::8efa:b40a", "64:ff9b::a00:1"]

    found = asyncio.run(public_addresses("push.example", 443, names))
    assert found == ["64:ff9b::8efa:b40a"]
