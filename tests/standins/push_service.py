# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service that checks all that the real ones check, and decrypts too.

In a test::

    with PushService() as service:
        subscriptions = service.subscribe(5000)
        service.behave(Behaviour(status=410), subscriptions[0]["endpoint"])
        …
        received = service.wait_for(4999)

Alone: ``python -m tests.standins.push_service --port 0`` prints the port; then
``POST /subscribe`` ``{"count": 3, "applicationServerKey": …}``, ``GET /received?after=0``,
``GET /counts``, ``POST /behave`` ``{"endpoint": …|null, "status": 503, "retry_after": "2"}``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import ssl
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.standins.http2 import Http2Server, Line, Manners
from tests.standins.http11 import Handler, Http11Server, LoopThread, Reply, Request
from tests.standins.webpush_rules import RefusedError, base64url, check_request
from tests.waiting import TIMEOUT_SECONDS

Subscription = dict[str, Any]
"""``PushSubscription.toJSON()``."""


@dataclass(slots=True)
class Behaviour:
    """How to answer a good request: a status, never (``hang``), by dropping the line (``drop``), or
    by bytes that are no HTTP (``raw``).

    ``taken``: whether the message was taken over before that; None: as the answer says.
    ``longest``: bytes of body; to more the answer is 413. ``times`` limits it to the next so many
    requests; ``delay`` is in seconds.
    """

    status: int = 201
    retry_after: str | None = None
    hang: bool = False
    drop: bool = False
    raw: bytes = b""
    taken: bool | None = None
    longest: int | None = None
    delay: float = 0.0
    times: int | None = None

    @property
    def takes(self) -> bool:
        """Tell whether a message is accepted, whatever the sender is answered."""
        if self.taken is not None:
            return self.taken
        return 200 <= self.status < 300 and not (self.hang or self.drop or self.raw)


@dataclass(frozen=True, slots=True)
class Received:
    """One message taken over: which subscription, the decrypted JSON, the headers, when."""

    endpoint: str
    payload: dict[str, Any]
    headers: dict[str, str]
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """One request that broke a rule."""

    endpoint: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Receiver:
    private: ec.EllipticCurvePrivateKey
    auth: bytes
    pinned_key: str | None


class PushService:
    """The service and what it has seen. Its methods may be called from any thread."""

    def __init__(
        self,
        port: int = 0,
        *,
        vapid_key: str | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        http2: Manners | None = None,
    ) -> None:
        """``vapid_key``: the only application server key it accepts (base64url).

        ``http2``: it speaks HTTP/2, which takes TLS, and with these manners."""
        self._host, self._port = host, port
        self._scheme = "https" if tls else "http"
        self._vapid_key = vapid_key
        self._thread = LoopThread()
        self._server = _front(self._handle, tls, http2)
        self._changed = threading.Condition()
        self._receivers: dict[str, _Receiver] = {}
        self._behaviours: dict[str | None, Behaviour] = {}
        self.received: list[Received] = []
        self.refused: list[Refusal] = []
        self.requests = 0
        self.origin = ""

    def start(self) -> PushService:
        """Start to listen."""
        self._thread.start()
        self._port = self._thread.run(self._server.listen(self._host, self._port))
        self.origin = f"{self._scheme}://{self._host}:{self._port}"
        return self

    def stop(self) -> None:
        """Drop every line and stop."""
        self._thread.run(self._server.close())
        self._thread.stop()

    def __enter__(self) -> PushService:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def lines(self) -> list[Line]:
        """Every HTTP/2 connection so far and its use."""
        return self._server.lines if isinstance(self._server, Http2Server) else []

    def subscribe(self, count: int = 1, vapid_key: str | None = None) -> list[Subscription]:
        """Make subscriptions, each with its own keys; bound to a key if one is given."""
        return [self._subscription(vapid_key or self._vapid_key) for _ in range(count)]

    def shorten_queue(self, backlog: int) -> None:
        """Drop every HTTP/1.1 connection, and from now on those of a burst."""
        assert isinstance(self._server, Http11Server)
        self._thread.run(self._server.shorten_queue(backlog))

    def behave(self, behaviour: Behaviour, endpoint: str | None = None) -> None:
        """Answer so from now on: for one subscription, or for all others."""
        with self._changed:
            self._behaviours[endpoint] = behaviour

    def wait_for(self, count: int, timeout: float = TIMEOUT_SECONDS) -> list[Received]:
        """Wait until that many messages have come; gives all. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, timeout):
                raise TimeoutError(f"{len(self.received)} of {count} came; {self.refused[:3]}")
            return list(self.received)

    def counts(self) -> Counter[str]:
        """How many messages each endpoint has got."""
        with self._changed:
            return Counter(message.endpoint for message in self.received)

    def _subscription(self, vapid_key: str | None) -> Subscription:
        name = secrets.token_urlsafe(24)
        receiver = _Receiver(
            ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16), vapid_key
        )
        self._receivers[name] = receiver
        point = receiver.private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return {
            "endpoint": f"{self.origin}/push/{name}",
            "expirationTime": None,
            "keys": {"p256dh": base64url(point), "auth": base64url(receiver.auth)},
        }

    async def _handle(self, request: Request) -> Reply | None:
        if request.method == "POST" and request.path.startswith("/push/"):
            return await self._push(request)
        return self._control(request)

    async def _push(self, request: Request) -> Reply | None:
        endpoint = self.origin + request.path
        self.requests += 1
        try:
            message = self._opened(endpoint, request)
        except RefusedError as refusal:
            self._note_refusal(Refusal(endpoint, refusal.status, refusal.reason))
            return Reply(refusal.status, body=refusal.reason.encode())
        behaviour = self._behaviour(endpoint)
        if behaviour.longest is not None and message.size > behaviour.longest:
            return Reply(413)
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        if behaviour.takes:
            self._note(message)
        if behaviour.hang:
            await asyncio.Event().wait()
        if behaviour.drop:
            return None
        headers = {"Location": f"{self.origin}/message/{self.requests}"}
        if behaviour.retry_after is not None:
            headers = {"Retry-After": behaviour.retry_after}
        return Reply(behaviour.status, headers, raw=behaviour.raw)

    def _opened(self, endpoint: str, request: Request) -> Received:
        receiver = self._receivers.get(request.path.removeprefix("/push/"))
        if receiver is None:
            raise RefusedError(404, "no such subscription")
        check_request(request, self.origin, receiver.pinned_key)
        try:
            plain = http_ece.decrypt(
                request.body,
                private_key=receiver.private,
                auth_secret=receiver.auth,
                version="aes128gcm",
            )
            payload = json.loads(plain)
        except (http_ece.ECEException, ValueError) as error:
            raise RefusedError(400, f"cannot be decrypted: {error}") from error
        return Received(endpoint, payload, request.headers, len(request.body), time.time())

    def _behaviour(self, endpoint: str) -> Behaviour:
        with self._changed:
            key = endpoint if endpoint in self._behaviours else None
            behaviour = self._behaviours.get(key)
            if behaviour is None:
                return Behaviour()
            if behaviour.times is not None:
                behaviour.times -= 1
                if behaviour.times <= 0:
                    del self._behaviours[key]
            return behaviour

    def _note(self, message: Received) -> None:
        with self._changed:
            self.received.append(message)
            self._changed.notify_all()

    def _note_refusal(self, refusal: Refusal) -> None:
        with self._changed:
            self.refused.append(refusal)
            self._changed.notify_all()

    def _control(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        asked = json.loads(request.body or b"{}")
        match request.method, parts.path:
            case "POST", "/subscribe":
                count = asked.get("count", 1)
                return _json(self.subscribe(count, asked.get("applicationServerKey")))
            case "POST", "/behave":
                endpoint = asked.pop("endpoint", None)
                self.behave(Behaviour(**asked), endpoint)
                return _json({})
            case "GET", "/received":
                after = int(parse_qs(parts.query).get("after", ["0"])[0])
                return _json([asdict(message) for message in self.received[after:]])
            case "GET", "/refused":
                return _json([asdict(refusal) for refusal in self.refused])
            case "GET", "/counts":
                return _json(self.counts())
        return Reply(404)


def _front(
    handler: Handler, tls: ssl.SSLContext | None, http2: Manners | None
) -> Http11Server | Http2Server:
    if http2 is None:
        return Http11Server(handler, tls)
    assert tls is not None
    return Http2Server(handler, tls, http2)


def _json(value: object) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def main() -> None:
    """Run until the line of input ends or the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--vapid-key", help="the only application server key accepted")
    given = parser.parse_args()
    with PushService(given.port, vapid_key=given.vapid_key) as service:
        sys.stdout.write(f"{service.port}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
