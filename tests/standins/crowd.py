# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Thousands of open pages in one thread: raw sockets that keep the numbers they were told."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress

EVENT = re.compile(rb"^id: ([0-9]+)$", re.MULTILINE)


class Page:
    """One reader: its line, what it was told, whether it was refused or sent away."""

    __slots__ = ("came", "ids", "line", "refused", "request", "rest", "retry", "told_at")

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.line: socket.socket | None = None
        self.rest = b""
        self.ids: list[int] = []
        self.refused = False
        self.retry = 0
        """Milliseconds, as the stream last said."""
        self.came = time.monotonic()
        self.told_at = 0.0
        """When its latest event came; as `came`, on the monotonic clock."""

    @property
    def opened(self) -> bool:
        return bool(self.retry)

    def take(self, data: bytes) -> None:
        blocks = (self.rest + data).split(b"\n\n")
        self.rest = blocks.pop()
        for block in blocks:
            found = EVENT.search(block)
            if found:
                self.ids.append(int(found[1]))
                self.told_at = time.monotonic()
            elif b"retry: " in block:
                self.retry = int(block.rpartition(b"retry: ")[2])
        self.refused |= not self.opened and b" 503 " in self.rest


class Crowd:
    """Pages of one channel; `with Crowd(port, "cremona") as crowd: …`."""

    def __init__(self, port: int, handle: str) -> None:
        self._port = port
        self._handle = handle
        self._ready = selectors.DefaultSelector()
        self.pages: list[Page] = []
        self.failed = 0
        """Lines that could not be opened."""

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for page in self.pages:
            if page.line is not None:
                page.line.close()
        self._ready.close()

    def come(self, count: int, *, within: float, after: int | None = None) -> None:
        """Open so many more pages, evenly over so many seconds."""
        header = b"" if after is None else b"Last-Event-ID: %d\r\n" % after
        request = b"GET /live/%b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (self._handle.encode(), header)
        start = time.monotonic()
        for number in range(count):
            page = Page(request)
            self.pages.append(page)
            self._dial(page)
            self._turn(0)
            while (early := start + within * number / count - time.monotonic()) > 0:
                self._turn(early)

    def come_again(self, wanting: Callable[[Page], bool]) -> None:
        """Dial once more for those who want to and have no line."""
        for page in self.pages:
            if page.line is None and wanting(page):
                page.rest = b""
                self._dial(page)

    def until(self, true: Callable[[], bool], *, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not within {seconds} s: {self}"
            self._turn(0.05)

    def __str__(self) -> str:
        opened = sum(page.opened for page in self.pages)
        ended = sum(page.line is None for page in self.pages)
        refused = sum(page.refused for page in self.pages)
        said = f"{len(self.pages)} pages: {opened} opened, {ended} ended, {refused} refused"
        return f"{said}, {self.failed} failed"

    def _dial(self, page: Page) -> None:
        page.line = socket.socket()
        page.line.setblocking(False)
        with suppress(BlockingIOError):
            page.line.connect(("127.0.0.1", self._port))
        self._ready.register(page.line, selectors.EVENT_WRITE, page)

    def _turn(self, wait: float) -> None:
        for key, events in self._ready.select(wait):
            try:
                self._act(key.data, events)
            except OSError:
                self.failed += not key.data.opened
                self._end(key.data)

    def _act(self, page: Page, events: int) -> None:
        assert page.line is not None
        if events & selectors.EVENT_WRITE:
            page.line.send(page.request)
            self._ready.modify(page.line, selectors.EVENT_READ, page)
            return
        data = page.line.recv(1 << 16)
        if data:
            page.take(data)
        else:
            self._end(page)

    def _end(self, page: Page) -> None:
        if page.line is not None:
            self._ready.unregister(page.line)
            page.line.close()
            page.line = None
