# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An HTTP protocol for uvicorn with time-outs and limits.

uvicorn waits for ever for a request that does not end, keeps as many header lines as it is sent,
and waits for ever for a reader who does not read. A handful of such lines would shut the
channel for a whole city.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from canale.net.connections import Connections
from canale.net.responses import Headers, refusal

# Request line and headers of one request, each line with its overhead in memory.
HEAD_BYTES = 32 * 1024
LINE_BYTES = 32
# Time for a request's head, and for the rest of a body that was answered already.
HEAD_SECONDS = 20.0
# Time for a request's body, and for each further part of it of at least BODY_PART_BYTES: a
# photograph may take longer than a call of a few hundred bytes (RFC 9110, 15.5.9).
BODY_SECONDS = 20.0
BODY_PART_BYTES = 20 * 1024
# Requests on one connection that were read and not yet answered: no browser sends even two.
MAX_UNANSWERED = 16
# A client that reads nothing for this long is disconnected.
STALL_SECONDS = 30.0


class HeadTooLargeError(Exception):
    """More header lines than any browser sends; the parser turns it into a 400."""


class TooManyRequestsError(Exception):
    """More requests at once on a connection than any browser sends; it becomes a 400 as well."""


class TimeoutProtocol(HttpToolsProtocol):
    """Close a connection whose request, or whose reading of the response, makes no progress."""

    # Headers of every response.
    house: ClassVar[Headers] = []
    # All connections of the process.
    others: ClassVar[Connections] = Connections()

    _head_bytes = 0
    _body_bytes = 0
    _body_since = 0.0
    # True from a request's first byte to its last.
    _in_request = False
    # Bytes since the last progress: one endless line is no header line yet.
    _unread = 0
    _before_head = True
    _ending: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._unanswered: deque[RequestResponseCycle] = deque()
        super().connection_made(transport)
        self._wait()
        self.others.opened(self)
        self._count_as_waiting()

    def data_received(self, data: bytes) -> None:
        if self._before_head:
            self._wait()
        self._unread += len(data)
        super().data_received(data)
        if self._unread > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too large.")
        if self._in_request:
            self._count_as_waiting()

    def _count_as_waiting(self) -> None:
        client = self.waiting_client()
        if client is not None:
            self.others.waits(self, client)

    def waiting_client(self) -> str | None:
        """Return the client that an incomplete request counts for; None if unknown."""
        return self.client[0] if self.client else None

    def is_busy(self) -> bool:
        return bool(self._unanswered) or self.flow.write_paused

    def give_way(self) -> None:
        """Close in favour of a newer connection, of the same client or when there are too many."""
        if self._in_request:
            self._refuse_late_request()
        else:
            self.end()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = self._body_bytes = 0
        self._in_request = True
        self._wait()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header; also called for a trailer, which comes after the body."""
        self._count(len(name) + len(value) + LINE_BYTES)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise HeadTooLargeError

    def on_headers_complete(self) -> None:
        if len(self._unanswered) >= MAX_UNANSWERED:
            raise TooManyRequestsError
        super().on_headers_complete()
        self._unanswered.append(self.cycle)
        self.head_is_read()

    def head_is_read(self) -> None:
        self._unread = 0
        self._before_head = False
        self._body_since = self.loop.time()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unread = 0
        self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.request_is_read()

    def request_is_read(self) -> None:
        self._unread = 0
        self._before_head = True
        self._in_request = False
        self._end_waiting()
        self.others.used(self)

    def on_response_complete(self) -> None:
        if self._unanswered:
            self._unanswered.popleft()
        super().on_response_complete()
        if self.transport.is_closing():
            self.end()
        elif not self._before_head:
            self._wait()

    def timeout_keep_alive_handler(self) -> None:
        self.end()

    def end(self) -> None:
        """Close, and abort after a while if the client does not read what was written."""
        self.transport.close()
        self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        self.others.closed(self)
        self.end_timers()
        super().connection_lost(exc)
        # uvicorn notifies only the last of several requests.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def end_timers(self) -> None:
        """Cancel the timers before another protocol takes over the transport."""
        self._end_waiting()
        self._end_stall()

    def _wait(self, seconds: float | None = None) -> None:
        if self._ending is None:
            later = HEAD_SECONDS if seconds is None else seconds
            self._ending = self.loop.call_later(later, self._is_late)

    def _is_late(self) -> None:
        """Close a connection on which no complete request arrived in time."""
        self._ending = None
        if self.transport.is_closing():
            return
        if self._before_head or not self._unanswered:
            # No request yet, or one that was answered before its end.
            self.end()
            return
        left = self._body_since + BODY_SECONDS - self.loop.time()
        if left > 0:
            self._wait(left)
        elif self.flow.read_paused or self._body_bytes >= BODY_PART_BYTES:
            # Enough of the body arrived, or it is not being read yet.
            self._body_bytes, self._body_since = 0, self.loop.time()
            self._wait(BODY_SECONDS)
        else:
            self._refuse_late_request()

    def _refuse_late_request(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.")

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Close, with a reason if no other response is in progress on this connection."""
        earlier = len(self._unanswered) - (not self._before_head)
        cycle = self._unanswered[-1] if self._unanswered else None
        in_progress = earlier > 0 or (cycle is not None and cycle.response_started)
        if not self.transport.is_closing() and not in_progress:
            path = self.url.decode("latin-1") if self._in_request else ""
            headers, body = refusal(path, status, detail, self.house)
            headers = [*self.server_state.default_headers, *headers]
            lines = [b"%b: %b\r\n" % header for header in headers if header[0] != b"connection"]
            head = b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
            self.transport.write(b"".join((head, *lines, b"connection: close\r\n\r\n", body)))
        self.end()

    def _end_waiting(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
