# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The HTTP/2 stand-in ends its lines as told, seen by a client that is not ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.standins.certificate import certified
from tests.standins.http2 import Http2Server, Manners
from tests.standins.http11 import LoopThread, Reply, Request


@contextmanager
def serving(folder: Path, manners: Manners) -> Iterator[tuple[Http2Server, httpx.Client]]:
    """It answers with the body that it is sent."""

    async def echo(request: Request) -> Reply:
        return Reply(201, {"Answer-To": request.path}, request.body)

    pem, tls = certified(folder)
    trust = ssl.create_default_context(cadata=pem.decode())
    server, thread = Http2Server(echo, tls, manners), LoopThread()
    thread.start()
    port = thread.run(server.listen("localhost", 0))
    origin = f"https://localhost:{port}"
    try:
        with httpx.Client(http1=False, http2=True, verify=trust, base_url=origin) as client:
            yield server, client
    finally:
        thread.run(server.close())
        thread.stop()


def test_it_answers_over_one_line(tmp_path: Path) -> None:
    with serving(tmp_path, Manners()) as (server, client):
        answers = [client.post(f"/{number}", content=b"x" * number) for number in range(5)]
    assert [answer.http_version for answer in answers] == ["HTTP/2"] * 5
    assert [answer.headers["answer-to"] for answer in answers] == ["/0", "/1", "/2", "/3", "/4"]
    assert [len(answer.content) for answer in answers] == [0, 1, 2, 3, 4]
    assert [(line.requests, line.open, line.unprocessed) for line in server.lines] == [(5, 0, 0)]


def test_who_speaks_http_1_only_is_not_served(tmp_path: Path) -> None:
    with serving(tmp_path, Manners()) as (server, client):
        trust = ssl.create_default_context(cafile=tmp_path / "localhost.pem")
        with pytest.raises(httpx.TransportError), httpx.Client(verify=trust) as other:
            other.get(str(client.base_url))
    assert server.lines == []


def test_it_refuses_as_many_as_told_and_takes_the_next(tmp_path: Path) -> None:
    with serving(tmp_path, Manners(refuse=2)) as (server, client):
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError, match="error_code:7"):
                client.post("/")
        assert client.post("/").status_code == 201
    assert [(line.requests, line.unprocessed) for line in server.lines] == [(3, 2)]


def test_it_goes_away_and_says_which_was_the_last(tmp_path: Path) -> None:
    with serving(tmp_path, Manners(go_away_after=2)) as (server, client):
        # httpx sends again by itself what GOAWAY says was not taken, and nothing else.
        assert [client.post("/").status_code for _ in range(3)] == [201] * 3
    assert [(line.requests, line.unprocessed) for line in server.lines] == [(3, 1), (1, 0)]


def test_it_breaks_the_line(tmp_path: Path) -> None:
    with serving(tmp_path, Manners(break_after=2)) as (server, client):
        assert client.post("/").status_code == 201
        with pytest.raises(httpx.TransportError):
            client.post("/")
    assert [line.requests for line in server.lines] == [2]


def test_no_more_streams_are_open_than_it_allows(tmp_path: Path) -> None:
    async def slow(request: Request) -> Reply:
        await asyncio.sleep(0 if request.path == "/first" else 0.05)
        return Reply(201)

    async def work(server: Http2Server, pem: bytes) -> None:
        trust = ssl.create_default_context(cadata=pem.decode())
        port = await server.listen("localhost", 0)
        origin = f"https://localhost:{port}"
        async with httpx.AsyncClient(
            http1=False, http2=True, verify=trust, base_url=origin
        ) as client:
            await client.post("/first")
            await asyncio.gather(*(client.post("/") for _ in range(20)))
        await server.close()

    pem, tls = certified(tmp_path)
    server = Http2Server(slow, tls, Manners(streams=4))
    asyncio.run(work(server, pem))
    assert [(line.requests, line.most_open) for line in server.lines] == [(21, 4)]
