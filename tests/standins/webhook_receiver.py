# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A program that receives webhooks, and verifies them by the reference library.

In a test::

    with WebhookReceiver() as receiver:
        receiver.trust("/hook", secret)
        receiver.behave(Behaviour(status=500, times=1), "/hook")
        …
        received = receiver.wait_for("/hook", 1)
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.standins.http11 import Http11Server, LoopThread, Reply, Request
from tests.standins.push_service import Behaviour
from tests.waiting import TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Event:
    """One verified request: its path, the headers that are signed, and its body."""

    path: str
    id: str
    timestamp: int
    body: bytes
    at: float

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data


class WebhookReceiver:
    """Its methods may be called from any thread. A behaviour belongs to one path."""

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._server = Http11Server(self._handle)
        self._changed = threading.Condition()
        self._secrets: dict[str, str] = {}
        self._behaviours: dict[str, Behaviour] = {}
        self.received: list[Event] = []
        """Each verified request, whatever the answer was."""
        self.refused: list[str] = []
        """Why requests were refused with 401."""
        self.origin = ""

    def __enter__(self) -> WebhookReceiver:
        self._thread.start()
        port = self._thread.run(self._server.listen("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self._thread.run(self._server.close())
        self._thread.stop()

    def trust(self, path: str, secret: str) -> None:
        """Verify what comes to the path with this secret."""
        self._secrets[path] = secret

    def behave(self, behaviour: Behaviour, path: str) -> None:
        """Answer so from now on."""
        self._behaviours[path] = behaviour

    def at(self, path: str) -> list[Event]:
        with self._changed:
            return [event for event in self.received if event.path == path]

    def wait_for(self, path: str, count: int, seconds: float = TIMEOUT_SECONDS) -> list[Event]:
        """Wait until that many requests have come; gives all. Raises TimeoutError."""
        return self.wait(lambda: len(self.at(path)) >= count and self.at(path), path, seconds)

    def wait(self, events: Callable[[], Any], what: str, seconds: float = TIMEOUT_SECONDS) -> Any:
        end = time.monotonic() + seconds
        while not (found := events()):
            with self._changed:
                if not self._changed.wait(end - time.monotonic()):
                    raise TimeoutError(f"{what}: {self.received[-3:]}, refused {self.refused[-3:]}")
        return found

    async def _handle(self, request: Request) -> Reply | None:
        secret = self._secrets.get(request.path, "")
        try:
            Webhook(secret).verify(request.body, request.headers)
        except (WebhookVerificationError, ValueError) as error:
            self.refused.append(f"{request.path}: {error}")
            return Reply(401)
        event = Event(
            request.path,
            request.headers["webhook-id"],
            int(request.headers["webhook-timestamp"]),
            request.body,
            time.monotonic(),
        )
        with self._changed:
            self.received.append(event)
            self._changed.notify_all()
        behaviour = self._behaviour(request.path)
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        if behaviour.hang:
            await asyncio.Event().wait()
        if behaviour.drop:
            return None
        wait = behaviour.retry_after
        return Reply(behaviour.status, {} if wait is None else {"Retry-After": wait})

    def _behaviour(self, path: str) -> Behaviour:
        behaviour = self._behaviours.get(path)
        if behaviour is None:
            return Behaviour(status=204)
        if behaviour.times is not None:
            behaviour.times -= 1
            if behaviour.times <= 0:
                del self._behaviours[path]
        return behaviour
