# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An open page, as far as the stream goes: it collects what it is told."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from tests.waiting import TIMEOUT_SECONDS, wait_until


@dataclass(frozen=True)
class Told:
    """One event of the stream."""

    kind: str
    id: int
    data: dict[str, Any]


class Reader:
    """Reads `GET /live/<handle>` in a thread; `with Reader(url) as reader: …`."""

    def __init__(self, url: str, last_event_id: int | None = None) -> None:
        self._url = url
        self._headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        self._client = httpx.Client(timeout=httpx.Timeout(10, read=None))
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.told: list[Told] = []
        self.at: dict[int, float] = {}
        """When each post was first told, in seconds since the epoch."""

    def __enter__(self) -> Reader:
        self._thread.start()
        assert self._opened.wait(10), "the stream did not open"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._client.close()

    def _read(self) -> None:
        try:
            with self._client.stream("GET", self._url, headers=self._headers) as answer:
                assert answer.status_code == 200, answer.status_code
                block: dict[str, str] = {}
                for line in answer.iter_lines():
                    self._opened.set()
                    name, _, value = line.partition(": ")
                    if line:
                        block[name] = value
                    elif "data" in block:
                        data = json.loads(block["data"])
                        self.at.setdefault(data["post"], time.time())
                        self.told.append(Told(block["event"], int(block["id"]), data))
                        block = {}
        except (httpx.TransportError, httpx.StreamError, RuntimeError):
            # The server stopped, or the test is over.
            pass

    def wait_for(self, kind: str, post: int, *, seconds: float = TIMEOUT_SECONDS) -> Told:
        def found() -> list[Told]:
            return [told for told in self.told if told.kind == kind and told.data["post"] == post]

        return wait_until(found, seconds=seconds)[-1]


class ReturningReader:
    """An open page that comes back as browsers do: after the pause that the stream asked for, with
    the number it saw last, to whichever of several servers takes it."""

    def __init__(self, *urls: str) -> None:
        self._urls = itertools.cycle(urls)
        self._over = threading.Event()
        self._client = httpx.Client(timeout=httpx.Timeout(5, read=None))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.told: list[int] = []
        """The numbers of all events, in the order of their coming."""
        self.posts: list[int] = []
        self.openings = 0
        self.pauses: list[float] = []
        """Seconds that the stream asked to wait at its ends."""

    def __enter__(self) -> ReturningReader:
        self._thread.start()
        wait_until(lambda: self.openings)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._client.close()

    def _read(self) -> None:
        while not self._over.is_set():
            pause = 0.1
            with contextlib.suppress(httpx.TransportError, httpx.StreamError, RuntimeError):
                pause = self._read_once(next(self._urls))
                self.pauses.append(pause)
            self._over.wait(pause)

    def _read_once(self, url: str) -> float:
        """Until the line ends; seconds to wait."""
        pause = 3.0
        headers = {"Last-Event-ID": str(self.told[-1])} if self.told else {}
        with self._client.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200, answer.status_code
            self.openings += 1
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "retry":
                    pause = int(value) / 1000
                elif name == "id":
                    self.told.append(int(value))
                elif name == "data":
                    self.posts.append(json.loads(value)["post"])
        return pause
