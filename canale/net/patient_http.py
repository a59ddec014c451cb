# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The HTTP server's protocol, with an end to its patience.

uvicorn waits for ever for a request that does not end, keeps as many header lines as it is sent,
and waits for ever for a reader who does not read. A handful of such lines would shut the
channel for a whole city.
"""

from __future__ import annotations

import asyncio
from collections import deque

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

# Address and header lines of one request, each line with what it costs us besides its bytes.
HEAD_BYTES = 32 * 1024
LINE_BYTES = 32
# For a request's head, and for what is left of a body that was answered already.
HEAD_SECONDS = 20.0
# A reader who takes nothing for so long is gone.
STALL_SECONDS = 30.0


class HeadTooLarge(Exception):  # noqa: N818
    """More header lines than any browser sends; the parser turns it into a 400."""


class PatientProtocol(HttpToolsProtocol):
    """Ends a connection whose request, or whose reading of the answer, does not get on."""

    _head_bytes = 0
    # Since the last sign of progress: one endless line is no header line yet.
    _unread = 0
    _before_head = True
    _ending: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._unanswered: deque[RequestResponseCycle] = deque()
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._before_head:
            self._wait()
        self._unread += len(data)
        super().data_received(data)
        if self._unread > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._wait()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also of a trailer, which comes after the body."""
        self._count(len(name) + len(value) + LINE_BYTES)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._unanswered.append(self.cycle)
        self.head_is_read()

    def head_is_read(self) -> None:
        self._unread = 0
        self._before_head = False
        self._end_waiting()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unread = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.request_is_read()

    def request_is_read(self) -> None:
        self._unread = 0
        self._before_head = True
        self._end_waiting()

    def on_response_complete(self) -> None:
        if self._unanswered:
            self._unanswered.popleft()
        super().on_response_complete()
        if not self._before_head:
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end_timers()
        super().connection_lost(exc)
        # uvicorn tells the last of several requests only.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def end_timers(self) -> None:
        """For whoever takes the transport over."""
        self._end_waiting()
        self._end_stall()

    def _wait(self) -> None:
        if self._ending is None:
            self._ending = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _end_waiting(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
