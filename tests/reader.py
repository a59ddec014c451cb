# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An open page, as far as the stream goes: it collects what it is told."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from tests.site import wait_until


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

    def wait_for(self, kind: str, post: int, *, seconds: float = 10) -> Told:
        def found() -> list[Told]:
            return [told for told in self.told if told.kind == kind and told.data["post"] == post]

        return wait_until(found, seconds=seconds)[-1]
