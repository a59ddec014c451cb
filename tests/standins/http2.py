# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small HTTP/2 server (RFC 9113) over TLS, with the ways in which real ones end lines.

Its handlers are those of http11.py; it runs on the loop of a LoopThread as well.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from tests.standins.http11 import Handler, Reply, Request


@dataclass(slots=True)
class Manners:
    """The limits of a server's connections and how it ends them. May change while it listens."""

    streams: int = 100
    """The number of streams open at once (SETTINGS_MAX_CONCURRENT_STREAMS)."""
    refuse: int = 0
    """This many next requests are refused before anything is done (REFUSED_STREAM)."""
    go_away_after: int | None = None
    """After this many requests on a connection, GOAWAY names the last one that was processed."""
    break_after: int | None = None
    """The connection is cut without a word at this request."""


@dataclass(slots=True)
class Line:
    """The use of one connection."""

    requests: int = 0
    taken: int = 0
    open: int = 0
    most_open: int = 0
    """The most streams that were open at once."""
    unprocessed: int = 0
    """Refused, or above the last that GOAWAY named."""


class Http2Protocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Http2Server) -> None:
        self._server = server
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._taken: dict[int, tuple[Request, list[bytes]]] = {}
        """Streams whose request is taken and not answered."""
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._last_taken = 0
        self._going_away = False
        self.line = Line()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            transport.abort()
            return
        self._server.connections.add(self)
        self._server.lines.append(self.line)
        self._h2.initiate_connection()
        # Holds for the client when it has acknowledged it, as with every server.
        self._h2.update_settings(
            {SettingCodes.MAX_CONCURRENT_STREAMS: self._server.manners.streams}
        )
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        for answer in self._answers.values():
            answer.cancel()

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self._flush()
            self.transport.close()
            return
        for event in events:
            self._on(event)
        self._flush()

    def _on(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._requested(event)
            case DataReceived():
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self._taken:
                    self._taken[event.stream_id][1].append(event.data)
            case StreamEnded(stream_id=int(stream)) if stream in self._taken:
                self._answers[stream] = asyncio.create_task(self._answer(stream))
            case StreamReset(stream_id=int(stream)):
                self._end(stream)

    def _requested(self, event: RequestReceived) -> None:
        manners, line = self._server.manners, self.line
        line.requests += 1
        if manners.break_after is not None and line.requests >= manners.break_after:
            assert self.transport is not None
            self.transport.abort()
        elif self._going_away:
            line.unprocessed += 1
        elif manners.go_away_after is not None and line.taken >= manners.go_away_after:
            line.unprocessed += 1
            self._go_away()
        elif manners.refuse or line.open >= manners.streams:
            # On a new connection the client has not read yet how many streams it may open.
            manners.refuse = max(0, manners.refuse - 1)
            line.unprocessed += 1
            self._h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
        else:
            self._take(event)

    def _take(self, event: RequestReceived) -> None:
        headers = {str(name): str(value) for name, value in event.headers}
        request = Request(headers[":method"], headers[":path"], headers)
        self._taken[event.stream_id] = request, []
        self._last_taken = event.stream_id
        self.line.taken += 1
        self.line.open += 1
        self.line.most_open = max(self.line.most_open, self.line.open)

    def _go_away(self) -> None:
        """Send GOAWAY and still answer the streams taken before; the client closes then.

        h2's own close_connection() would forbid these answers."""
        assert self.transport is not None
        self._going_away = True
        self._flush()
        self.transport.write(GoAwayFrame(0, last_stream_id=self._last_taken).serialize())

    async def _answer(self, stream: int) -> None:
        request, body = self._taken[stream]
        request.body = b"".join(body)
        reply = await self._server.handler(request)
        assert self.transport is not None
        if reply is None:
            self.transport.abort()
            return
        self._say(stream, reply)
        self._end(stream)
        self._flush()

    def _say(self, stream: int, reply: Reply) -> None:
        headers = [(":status", str(reply.status))]
        headers += [(name.lower(), value) for name, value in reply.headers.items()]
        self._h2.send_headers(stream, headers, end_stream=not reply.body)
        if reply.body:
            self._h2.send_data(stream, reply.body, end_stream=True)

    def _end(self, stream: int) -> None:
        answer = self._answers.pop(stream, None)
        if answer is not None and answer is not asyncio.current_task():
            answer.cancel()
        if self._taken.pop(stream, None) is not None:
            self.line.open -= 1

    def _flush(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(self._h2.data_to_send())


class Http2Server:
    """Listens on the loop of a LoopThread. ``lines``: every connection there was, the oldest
    first."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext, manners: Manners) -> None:
        self.handler = handler
        self.manners = manners
        self.lines: list[Line] = []
        self.connections: set[Http2Protocol] = set()
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start to listen; gives the port."""
        self._tls.set_alpn_protocols(["h2"])
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Http2Protocol(self), host, port, ssl=self._tls, backlog=4096
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and drop every line."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
