# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Responses that the protocol writes directly, among those that the application makes."""

import asyncio

import pytest

from tests.standins.live_site import LIVE, PAGE, Reader, Run, event, hub_with, serving

READY = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"<p>Pronta</p>"


def ready(url: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes] | None:
    if url != b"/ready":
        return None
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % len(BODY), BODY


async def body_of(reader: Reader) -> bytes:
    head = await reader.head()
    assert head.startswith("http/1.1 200 ok")
    assert "\ndate: " in head
    return await reader.stream.readexactly(int(head.split("content-length: ")[1].split("\r")[0]))


def test_pipelined_requests_are_answered_in_order(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with(), ready) as site:
            reader = await site.reader(READY + READY + PAGE + READY + PAGE + READY)
            said = [await body_of(reader) for _ in range(6)]
            # The last one is asked for while a page is still being made.
            assert said == [BODY, BODY, b"/page", b"/ready", b"/page", b"/ready"]
            assert site.server.server_state.total_requests == 6

    run(flow)


def test_connection_is_kept_alive_and_closed_when_idle(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with(), ready, timeout_keep_alive=1) as site:
            reader = await site.reader(READY)
            assert await body_of(reader) == BODY
            reader.writer.write(PAGE)
            assert await body_of(reader) == b"/page"
            reader.writer.write(READY)
            assert await body_of(reader) == BODY
            assert await reader.body() == b""

    run(flow)


def test_connection_can_become_a_stream_after_a_cached_response(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with(), ready, timeout_keep_alive=1) as site:
            reader = await site.reader(READY + LIVE)
            assert await body_of(reader) == BODY
            await reader.stream_opened()
            await asyncio.sleep(1.2)
            site.hub.publish("cremona", event(1))
            assert await reader.ids(1) == [1]

    run(flow)


@pytest.mark.parametrize(
    "request_",
    [
        b"HEAD /ready HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        b"GET /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        b"GET /ready HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /ready HTTP/1.0\r\nHost: x\r\n\r\n",
    ],
)
def test_other_requests_than_a_plain_get_go_to_the_application(request_: bytes, run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with(), ready) as site:
            reader = await site.reader(request_)
            head = await reader.head()
            assert "content-length: 6" in head
            if not request_.startswith(b"HEAD"):
                assert await reader.stream.readexactly(6) == b"/ready"

    run(flow)


def test_pipelining_client_that_never_reads_does_not_fill_memory(run: Run) -> None:
    async def flow() -> None:
        asked = 0

        def large(url: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
            nonlocal asked
            asked += 1
            return b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n", b"x" * 100_000

        async with serving(hub_with(), large) as site:
            reader = await site.reader(READY * 5000)
            await asyncio.sleep(0.5)
            # The server reads what the sockets hold and little more; the rest stays unread.
            assert asked < 200
            reader.writer.transport.abort()

    run(flow)
