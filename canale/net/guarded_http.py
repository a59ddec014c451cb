# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An HTTP client for addresses given by strangers.

The host is resolved, its addresses are checked, and the client is *pinned* to a checked one. It
never resolves on its own, so changing the address between check and call (DNS rebinding) has no
effect. No redirects, fixed time-outs.

An outgoing proxy (CONNECT) resolves the name itself; then only known hosts are called, at port 443,
with a certificate for their name (docs/decisions/0042).

HTTP/2 is tried first, over one connection: reqwest shares a connection only with prior knowledge of
HTTP/2, else each waiting call opens its own. A host that does not answer to HTTP/2 is negotiated
with (ALPN) until it answers over HTTP/2 again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.http import HeaderMap
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.response import Response

from canale.net.endpoints import Resolver, public_addresses, system_resolver

logger = logging.getLogger(__name__)
T = TypeVar("T")

RESOLVE_TIMEOUT = 10.0
CONNECT_TIMEOUT = timedelta(seconds=10)
TOTAL_TIMEOUT = timedelta(seconds=30)
# Time beyond TOTAL_TIMEOUT for all tries, so that a single try reports its own time-out.
GRACE_SECONDS = 1.0
IDLE_TIMEOUT = timedelta(seconds=60)
PING_INTERVAL = timedelta(seconds=15)

# A response body is read up to this size, so that its connection can be used again.
MAX_ANSWER_BYTES = 64 * 1024

PIN_SECONDS = 300.0  # Push services change their addresses; resolve again this often.
# A connection without any response for this long gets no new calls.
STALL_SECONDS = 3.0
# Strangers choose the hosts among the known ones; this bounds the clients kept for them.
MAX_PINS = 64


class NoResponseError(Exception):
    """The far end gave no response; the message names the step, never the address."""


class ResolutionError(NoResponseError):
    """The resolver gave no address: it failed, or there is no such name."""


class Failure(NamedTuple):
    """A failure, the number of tries, and the most seconds added to the pause before each."""

    message: str
    tries: int = 1
    pause: float = 0.0


TIMED_OUT = Failure("no answer in time")
BROKEN = Failure("the connection broke")
# Nothing was sent yet, so a retry sends nothing twice. It goes to the next address if there is one,
# then negotiates the protocol.
UNCONNECTED = Failure("no connection", tries=3)
# No connection to a host with one address that has never answered: it may be invented.
UNREACHED = Failure("no connection")
# The far end did nothing with it (RFC 9113, section 8.7); reqwest has tried three times by then.
UNPROCESSED = Failure("refused unread", tries=6, pause=0.05)

# reqwest's messages in the chain of causes. pyreqwest's exceptions do not tell these apart from a
# connection that breaks after the request.
FAILURES = {
    "client error (Connect)": UNCONNECTED,
    # REFUSED_STREAM
    "stream error received: refused stream before processing any application logic": UNPROCESSED,
    # A stream above the last one named by a GOAWAY without error.
    "connection error received: not a result of an error": UNPROCESSED,
    # The call was still waiting for a stream when the connection closed.
    "runtime dropped the dispatch task": UNPROCESSED,
}


Headers = HeaderMap
"""Can be built once and used for many requests."""


class Reply(NamedTuple):
    """Status and relevant headers of a response; its body is discarded."""

    status: int
    retry_after: str | None


@dataclass(slots=True)
class _PinnedClient:
    client: Client
    http2: bool
    """True for a client with prior knowledge of HTTP/2, which speaks nothing else."""
    made_at: float
    addresses: int
    """The number of the host's addresses, as far as is known."""
    silent_since: float | None
    """The time of creation or of a failed call, if no response came since."""
    has_answered: bool = False
    in_flight: int = 0
    answered_at: float = 0.0
    """The time of the last response, or of a call that began with no other in flight."""

    def begin(self) -> float:
        now = time.monotonic()
        if not self.in_flight:
            self.answered_at = now
        self.in_flight += 1
        return now

    @property
    def stalled(self) -> bool:
        return (
            self.http2
            and self.in_flight > 0
            and time.monotonic() - self.answered_at > STALL_SECONDS
        )


class GuardedHTTP:
    """Clients by origin. Belongs to one event loop; the caller has checked the origin."""

    def __init__(
        self,
        trusted_origins: Collection[str] = (),
        *,
        max_connections: int = 256,
        total_timeout: timedelta = TOTAL_TIMEOUT,
        resolver: Resolver = system_resolver,
        root_certificate: bytes | None = None,
        proxy: str = "",
    ) -> None:
        """``trusted_origins`` are called directly, at any address; ``root_certificate`` is one more
        PEM authority to trust; ``proxy``: http://user:password@host:port."""
        self._trusted = frozenset(trusted_origins)
        self._max_connections = max_connections
        self._total_timeout = total_timeout
        self._resolver = resolver
        self._root_certificate = root_certificate
        self._proxy = proxy
        self._pins: dict[str, _PinnedClient] = {}
        self._turns: dict[str, int] = {}
        self._http2: dict[str, bool] = {}
        """True for origins that answered over HTTP/2, False for those to negotiate with."""
        self._known: dict[str, bool] = {}
        """Origins that have responded, the latest last."""
        self._opening: dict[str, asyncio.Task[_PinnedClient]] = {}
        self._retired: list[_PinnedClient] = []

    async def post(self, origin: str, url: str, headers: Headers, body: bytes) -> Reply:
        """POST to a URL of a checked origin. Raises NoResponseError, EndpointRefusedError."""
        failed: list[Failure] = []
        end = time.monotonic() + self._total_timeout.total_seconds() + GRACE_SECONDS
        pin = self._held(origin)
        # A first try has its own time-out; asyncio's would cost a tenth of a message's time.
        if pin is not None:
            reply = await self._try(pin, origin, url, headers, body, failed)
            if reply is not None:
                return reply
        try:
            async with asyncio.timeout(end - time.monotonic()):
                while True:
                    pin = self._held(origin) or await self._pin(origin)
                    reply = await self._try(pin, origin, url, headers, body, failed)
                    if reply is not None:
                        return reply
        except TimeoutError:
            raise NoResponseError(TIMED_OUT.message) from None

    async def _try(
        self,
        pin: _PinnedClient,
        origin: str,
        url: str,
        headers: Headers,
        body: bytes,
        failed: list[Failure],
    ) -> Reply | None:
        """Return None if the call may be tried again at once. Raises NoResponseError."""
        begun = pin.begin()
        try:
            request = pin.client.post(url).headers(headers).body_bytes(body)
            async with request.build_streamed() as answer:
                # Read to the end, so that the connection can be used again.
                await answer.body_reader.read(MAX_ANSWER_BYTES)
        except RequestError as error:
            failure = self._failed(origin, pin, begun, _failure(error))
            failed.append(failure)
            times = failed.count(failure)
            if times == failure.tries:
                # The cause is dropped on purpose: its text holds the whole URL.
                raise NoResponseError(failure.message) from None
            await asyncio.sleep(failure.pause * times * random.random())
            return None
        finally:
            pin.in_flight -= 1
        self._answered(origin, pin, answer)
        return Reply(answer.status, _readable(answer, "retry-after"))

    async def close(self) -> None:
        """Close every connection."""
        for opening in self._opening.values():
            opening.cancel()
        pins = [*self._pins.values(), *self._retired]
        self._pins.clear()
        self._retired.clear()
        for pin in pins:
            await _close(pin)

    def _held(self, origin: str) -> _PinnedClient | None:
        pin = self._pins.get(origin)
        expired = (
            pin and origin not in self._trusted and time.monotonic() >= pin.made_at + PIN_SECONDS
        )
        if pin is None or pin.stalled or expired:
            return None
        # Move it to the end: the least recently used client is dropped first.
        self._pins[origin] = self._pins.pop(origin)
        return pin

    async def _pin(self, origin: str) -> _PinnedClient:
        if (pin := self._held(origin)) is not None:
            return pin
        opening = self._opening.get(origin)
        if opening is None:
            opening = asyncio.create_task(self._renewed(origin))
            self._opening[origin] = opening
            opening.add_done_callback(lambda _: self._opening.pop(origin, None))
        # Many calls wait for one resolution; one that is cancelled must not cancel the others.
        return await asyncio.shield(opening)

    async def _renewed(self, origin: str) -> _PinnedClient:
        await self._close_retired()
        http2 = origin.startswith("https:") and self._http2.get(origin, True)
        client, addresses = await self._client(origin, http2=http2)
        now = time.monotonic()
        fresh = _PinnedClient(client, http2, made_at=now, addresses=addresses, silent_since=now)
        self._drop(origin)
        self._pins[origin] = fresh
        if len(self._pins) > MAX_PINS:
            self._drop(next(iter(self._pins)))
        return fresh

    def _drop(self, origin: str) -> None:
        pin = self._pins.pop(origin, None)
        if pin is not None:
            self._retire(pin)

    async def _client(self, origin: str, *, http2: bool) -> tuple[Client, int]:
        """Return a client and the number of the host's addresses."""
        if origin in self._trusted:
            return await asyncio.to_thread(self._built, http2=http2), 1
        if self._proxy:
            return await asyncio.to_thread(self._built, http2=http2, proxied=True), 1
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port or 443
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                addresses = await public_addresses(host, port, self._resolver)
        except OSError:  # TimeoutError is one.
            raise ResolutionError("the host's name cannot be resolved") from None
        address = addresses[self._turns.get(origin, 0) % len(addresses)]
        at = (host, address, port)
        return await asyncio.to_thread(self._built, http2=http2, at=at), len(addresses)

    def _built(
        self, *, http2: bool, at: tuple[str, str, int] | None = None, proxied: bool = False
    ) -> Client:
        """Build a client. Call in a thread: reading all authorities takes milliseconds."""
        builder = self._builder()
        if http2:
            builder = builder.http2_prior_knowledge()
        if at is not None:
            builder = builder.https_only(True).resolve(*at)
        if proxied:
            builder = builder.https_only(True).proxy(ProxyBuilder.https(self._proxy))
        return builder.build()

    def _builder(self) -> ClientBuilder:
        builder = (
            ClientBuilder()
            .http2(True)
            .follow_redirects(False)
            .referer(False)
            .no_proxy()
            .user_agent("canale")
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self._total_timeout)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timeout(self._total_timeout)
            .max_connections(self._max_connections)
        )
        if self._root_certificate is not None:
            builder = builder.add_root_certificate_pem(self._root_certificate)
        return builder

    def _answered(self, origin: str, pin: _PinnedClient, answer: Response) -> None:
        pin.answered_at = time.monotonic()
        if not pin.has_answered:
            pin.has_answered = True
            _remember(self._known, origin, True)
        if pin.http2:
            if pin.silent_since is not None:
                pin.silent_since = None
                _remember(self._http2, origin, True)
        elif answer.version == "HTTP/2.0" and self._pins.get(origin) is pin:
            _remember(self._http2, origin, True)
            self._drop(origin)

    def _failed(self, origin: str, pin: _PinnedClient, begun: float, failure: Failure) -> Failure:
        """Reclassify the failure by what is known of the origin."""
        known = pin.has_answered or origin in self._known
        if failure is UNCONNECTED and not known and pin.addresses == 1:
            failure = UNREACHED
        if failure is BROKEN and pin.http2 and not known and origin not in self._http2:
            # A server of HTTP/1.1 cannot have processed a request sent as HTTP/2.
            failure = UNCONNECTED
        if failure is UNPROCESSED or self._pins.get(origin) is not pin:
            return failure
        if failure is UNCONNECTED:
            self._rotate_address(origin, pin)
        if pin.silent_since is None:
            pin.silent_since = time.monotonic()
        elif pin.http2 and begun >= pin.silent_since:
            # Two consecutive calls failed: the host may no longer speak HTTP/2.
            _remember(self._http2, origin, False)
            self._drop(origin)
        return failure

    def _rotate_address(self, origin: str, pin: _PinnedClient) -> None:
        """Use the host's next address from now on, once for any number of failed calls."""
        if self._pins.get(origin) is pin:
            _remember(self._turns, origin, self._turns.get(origin, 0) + 1)
            self._drop(origin)

    def _retire(self, pin: _PinnedClient) -> None:
        """Close the client later, when the last call in flight has timed out."""
        pin.made_at = time.monotonic()
        self._retired.append(pin)

    async def _close_retired(self) -> None:
        ended = time.monotonic() - self._total_timeout.total_seconds() - 1
        due = [pin for pin in self._retired if pin.made_at < ended]
        self._retired = [pin for pin in self._retired if pin.made_at >= ended]
        for pin in due:
            await _close(pin)


def _remember(table: dict[str, T], origin: str, value: T) -> None:
    table.pop(origin, None)
    table[origin] = value
    if len(table) > MAX_PINS:
        del table[next(iter(table))]


def _readable(answer: Response, name: str) -> str | None:
    try:
        return answer.get_header(name)
    except ValueError:
        return None


async def _close(pin: _PinnedClient) -> None:
    """Close an old client; an error is logged and must not fail the call for a new one."""
    try:
        await pin.client.close()
    except Exception:
        logger.warning("Error closing an old connection", exc_info=True)


def _failure(error: RequestError) -> Failure:
    if isinstance(error, RequestTimeoutError):
        return TIMED_OUT
    messages = (cause["message"] for cause in error.details["causes"] or [])
    return next((FAILURES[message] for message in messages if message in FAILURES), BROKEN)
