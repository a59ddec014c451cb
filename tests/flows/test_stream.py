# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`GET /live/<handle>` in the server: handed to the hub, or answered with what is wrong."""

import asyncio
import json
import socket

import pytest

from tests.standins.live_site import LIVE, PAGE, Run, event, hub_with, serving


def test_stream_sends_headers_and_published_events(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader()
            head = await reader.stream_opened()
            for line in (
                "content-type: text/event-stream; charset=utf-8",
                "cache-control: no-store",
                "x-accel-buffering: no",
                "x-content-type-options: nosniff",
                "connection: close",
                "date: ",
            ):
                assert line in head
            assert "content-length" not in head
            site.hub.publish("cremona", event(1))
            assert await reader.block() == event(1).data.decode()
            counts = site.hub.counts()
            assert (counts.connections, counts.by_channel) == (1, {"cremona": 1})
            assert (counts.events, counts.deliveries) == (1, 1)
            reader.writer.close()
            await site.until(lambda: site.hub.counts().connections == 0)
            assert site.hub.counts().by_channel == {"cremona": 0}
            assert not site.server.server_state.connections

    run(flow)


def test_a_reused_connection_becomes_a_stream(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with(), timeout_keep_alive=1) as site:
            reader = await site.reader(PAGE)
            assert "200 ok" in await reader.head()
            assert await reader.stream.readexactly(5) == b"/page"
            reader.writer.write(LIVE)
            await reader.stream_opened()
            await asyncio.sleep(1.2)  # longer than the keep-alive of ordinary requests
            site.hub.publish("cremona", event(1))
            assert await reader.ids(1) == [1]

    run(flow)


def test_pipelined_requests_are_answered_first(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with(), timeout_keep_alive=1) as site:
            reader = await site.reader(PAGE + PAGE + LIVE + PAGE)
            for _ in range(2):
                assert "200 ok" in await reader.head()
                assert await reader.stream.readexactly(5) == b"/page"
            await reader.stream_opened()
            await asyncio.sleep(1.2)  # the answered pages' keep-alive does not end the stream
            site.hub.publish("cremona", event(1))
            assert await reader.block() == event(1).data.decode()

    run(flow)


def test_request_sent_byte_by_byte_is_parsed(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader(b"")
            sock = reader.writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in LIVE:
                reader.writer.write(bytes([byte]))
                await asyncio.sleep(0.001)
            await reader.stream_opened()

    run(flow)


def test_a_get_with_a_body_is_read_to_its_end(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            request = b"GET /live/cremona HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
            reader = await site.reader(request)
            reader.writer.write(b"body")
            await reader.stream_opened()

    run(flow)


@pytest.mark.parametrize(
    ("line", "extra", "status", "header"),
    [
        ("POST /live/cremona", "Content-Length: 2\r\n", 405, "allow: get, head"),
        ("GET /live/crema", "", 404, "application/problem+json"),
        ("GET /live/", "", 404, "application/problem+json"),
        ("GET /live/cremona/x", "", 404, "application/problem+json"),
        ("GET /live/cremona", "Last-Event-ID: abc\r\n", 400, "application/problem+json"),
        ("GET /live/cremona?last_event_id=-1", "", 400, "application/problem+json"),
        ("GET /live/cremona?last_event_id=%D9%A3", "", 400, "application/problem+json"),
    ],
)
def test_requests_without_a_stream_get_problem_documents(
    line: str, extra: str, status: int, header: str
) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            request = f"{line} HTTP/1.1\r\nHost: x\r\n{extra}\r\n{'{}' if extra[:1] == 'C' else ''}"
            reader = await site.reader(request.encode() + PAGE)
            head = await reader.head()
            assert head.startswith(f"http/1.1 {status} ")
            assert header in head
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            document = json.loads(await reader.stream.readexactly(length))
            assert document["status"] == status
            assert document["detail"]
            assert "200 ok" in await reader.head()  # the connection goes on
            assert site.hub.counts().connections == 0

    asyncio.run(flow())


def test_head_request_gets_headers_only(run: Run) -> None:
    async def flow() -> None:
        async with serving(hub_with()) as site:
            reader = await site.reader(b"HEAD /live/cremona HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.head()
            assert "200 ok" in head
            assert "text/event-stream" in head
            assert await reader.body() == b""

    run(flow)


def forwarded(address: str) -> bytes:
    return f"GET /live/cremona HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n\r\n".encode()


def test_connections_per_client_are_limited(run: Run) -> None:
    async def flow() -> None:
        hub = hub_with(client_limit=2)
        async with serving(hub) as site:
            first = await site.reader(forwarded("2001:db8::1"))
            await first.stream_opened()
            # The same /64; and what a client claims to stand behind does not count.
            await (await site.reader(forwarded("192.0.2.9, 2001:db8::2"))).stream_opened()
            refused = await site.reader(forwarded("2001:db8::3"))
            head = await refused.head()
            assert "503" in head
            assert "retry-after: 30" in head
            assert "application/problem+json" in head
            await (await site.reader(forwarded("198.51.100.1"))).stream_opened()
            first.writer.close()
            await site.until(lambda: hub.counts().connections == 2)
            await (await site.reader(forwarded("2001:db8::3"))).stream_opened()
            assert hub.counts().refused == 1

    run(flow)


def test_forwarded_address_of_an_untrusted_peer_is_ignored(run: Run) -> None:
    async def flow() -> None:
        hub = hub_with(client_limit=1)
        async with serving(hub, forwarded_allow_ips="192.0.2.1") as site:
            await (await site.reader(forwarded("198.51.100.1"))).stream_opened()
            assert "503" in await (await site.reader(forwarded("198.51.100.2"))).head()

    run(flow)


def test_total_connections_are_limited(run: Run) -> None:
    async def flow() -> None:
        hub = hub_with(connection_limit=1)
        async with serving(hub) as site:
            await (await site.reader()).stream_opened()
            assert "503" in await (await site.reader()).head()

    run(flow)


def test_unfinished_request_releases_its_slot(
    run: Run,
) -> None:
    async def flow() -> None:
        hub = hub_with()
        async with serving(hub) as site:
            request = b"GET /live/cremona HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
            reader = await site.reader(request)
            await site.until(lambda: hub.counts().connections == 1)
            reader.writer.close()
            await site.until(lambda: hub.counts().connections == 0)

    run(flow)
