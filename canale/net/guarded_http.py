# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one way to call an address that a stranger gave us.

A host's name is resolved, its addresses are checked, and the client is *pinned* to a checked one:
it never resolves by itself, so a name that changes its address between check and call (DNS
rebinding) leads nowhere. No redirects, fixed time-outs.

Through an outgoing proxy (CONNECT), the proxy resolves the name: what it reaches is its owner's to
limit. What remains here is that only known hosts are called, at port 443, and that the far end has
a certificate for the host's name (docs/decisions/0042).

HTTP/2 is spoken first, and over one connection: reqwest shares one only if it knows beforehand that
HTTP/2 will be spoken, else each waiting call opens its own to find out. Who does not answer to that
is asked what it speaks (ALPN), until it answers over HTTP/2 again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.http import HeaderMap
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.response import Response

from canale.net.endpoints import Resolver, public_addresses, system_resolver

logger = logging.getLogger(__name__)

RESOLVE_TIMEOUT = 10.0
CONNECT_TIMEOUT = timedelta(seconds=10)
TOTAL_TIMEOUT = timedelta(seconds=30)
# All tries together, beyond one that takes its whole time: that one says of itself that it failed
# (seconds).
GRACE = 1.0
IDLE_TIMEOUT = timedelta(seconds=60)
PING_INTERVAL = timedelta(seconds=15)

# What is read of an answer: it says in a few words why a message was refused.
MAX_ANSWER_BYTES = 64 * 1024

PIN_LIFE = 300.0  # A push service moves its addresses; ask again this often (seconds).

# A connection on which nothing was answered for so long is left to those who wait there: their
# streams may be all that it has (seconds).
STALL = 3.0

# Strangers choose the hosts, within what is known: they must not make us keep a client for each.
MAX_PINS = 64


class NoResponseError(Exception):
    """The far end gave no answer; the message says at which step, never the address."""


class ResolutionError(NoResponseError):
    """The resolver gave no address for the host: it is ill, or there is no such name."""


class Failure(NamedTuple):
    """What a call came to, and how often in all it is made then; ``pause``: seconds, at most,
    before the second time, and so many more before each further one."""

    message: str
    tries: int = 1
    pause: float = 0.0


TIMED_OUT = Failure("no answer in time")
BROKEN = Failure("the connection broke")
# No connection comes about: nothing was sent yet, so nothing is sent twice. At another address if
# there is one, then asking what is spoken.
UNCONNECTED = Failure("no connection", tries=3)
# The same of a host that has one address and never answered: it may be invented.
UNREACHED = Failure("no connection")
# The far end did nothing with it (RFC 9113, section 8.7); reqwest has tried three times by then.
UNPROCESSED = Failure("refused unread", tries=6, pause=0.05)

# In reqwest's words, found in the chain of causes: pyreqwest's own names do not tell these apart
# from a line that drops after the request.
FAILURES = {
    "client error (Connect)": UNCONNECTED,
    # REFUSED_STREAM
    "stream error received: refused stream before processing any application logic": UNPROCESSED,
    # Above the last stream that GOAWAY names, which had no complaint.
    "connection error received: not a result of an error": UNPROCESSED,
    # Still waiting for its stream when the line ended.
    "runtime dropped the dispatch task": UNPROCESSED,
}


Headers = HeaderMap
"""Made of a dict once, it serves many requests."""


class Reply(NamedTuple):
    """Status and headers that matter of one answer; the start of its body is read and forgotten."""

    status: int
    retry_after: str | None


@dataclass(slots=True)
class _PinnedClient:
    client: Client
    http2: bool
    """Speaks nothing else."""
    made_at: float
    addresses: int
    """The host's, as far as is known."""
    silent_since: float | None
    """When it was made, or when a call failed, if no answer came since."""
    has_answered: bool = False
    in_flight: int = 0
    answered_at: float = 0.0
    """Or when a call began that found no other under way."""

    def begin(self) -> float:
        now = time.monotonic()
        if not self.in_flight:
            self.answered_at = now
        self.in_flight += 1
        return now

    @property
    def stalled(self) -> bool:
        return self.http2 and self.in_flight > 0 and time.monotonic() - self.answered_at > STALL


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
        """``trusted_origins`` are called wherever they lead, and directly; ``root_certificate`` is
        one more PEM authority to trust; ``proxy``: http://user:password@host:port."""
        self._trusted = frozenset(trusted_origins)
        self._max_connections = max_connections
        self._total_timeout = total_timeout
        self._resolver = resolver
        self._root_certificate = root_certificate
        self._proxy = proxy
        self._pins: dict[str, _PinnedClient] = {}
        self._turns: dict[str, int] = {}
        self._http2: dict[str, bool] = {}
        """Which origins have answered over HTTP/2, and which are asked what they speak."""
        self._known: dict[str, None] = {}
        """Origins that have answered, the latest last."""
        self._opening: dict[str, asyncio.Task[_PinnedClient]] = {}
        self._retired: list[_PinnedClient] = []

    async def post(self, origin: str, url: str, headers: Headers, body: bytes) -> Reply:
        """POST to a URL of a checked origin, in all within one time-out. Raises NoResponseError,
        EndpointRefusedError."""
        failed: list[Failure] = []
        end = time.monotonic() + self._total_timeout.total_seconds() + GRACE
        pin = self._held(origin)
        # A first try is over in time by itself; asyncio's time-out would cost a tenth of a message.
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
        """None: it ``failed`` so that it may be tried again, now. Raises NoResponseError."""
        begun = pin.begin()
        try:
            request = pin.client.post(url).headers(headers).body_bytes(body)
            async with request.build_streamed() as answer:
                # To its end, so that the connection serves the next; a longer one is cut off.
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
        if pin is None or pin.stalled or not self._holds(origin, pin):
            return None
        # To the young end: of too many, the one goes that was not used for longest.
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
        # Many calls wait for one resolution; one of them giving up must not end it for the others.
        return await asyncio.shield(opening)

    def _holds(self, origin: str, pin: _PinnedClient) -> bool:
        return origin in self._trusted or time.monotonic() < pin.made_at + PIN_LIFE

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
        """And how many addresses the host has."""
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
        """In a thread: it reads all authorities, which takes milliseconds."""
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
            self._known.pop(origin, None)
            self._known[origin] = None
            if len(self._known) > MAX_PINS:
                del self._known[next(iter(self._known))]
        if pin.http2:
            if pin.silent_since is not None:
                pin.silent_since = None
                self._speaks(origin, http2=True)
        elif answer.version == "HTTP/2.0" and self._pins.get(origin) is pin:
            self._speaks(origin, http2=True)
            self._drop(origin)

    def _failed(self, origin: str, pin: _PinnedClient, begun: float, failure: Failure) -> Failure:
        """What it was, seen with what is known of the origin."""
        known = pin.has_answered or origin in self._known
        if failure is UNCONNECTED and not known and pin.addresses == 1:
            failure = UNREACHED
        if failure is BROKEN and pin.http2 and not known and origin not in self._http2:
            # As when HTTP/1.1 is sent HTTP/2: it is made so that nothing can be done with it.
            failure = UNCONNECTED
        if failure is UNPROCESSED or self._pins.get(origin) is not pin:
            return failure
        if failure is UNCONNECTED:
            self._rotate_address(origin, pin)
        if pin.silent_since is None:
            pin.silent_since = time.monotonic()
        elif pin.http2 and begun >= pin.silent_since:
            # Two calls that followed each other: perhaps it speaks HTTP/2 no more.
            self._speaks(origin, http2=False)
            self._drop(origin)
        return failure

    def _speaks(self, origin: str, *, http2: bool) -> None:
        self._http2.pop(origin, None)
        self._http2[origin] = http2
        if len(self._http2) > MAX_PINS:
            del self._http2[next(iter(self._http2))]

    def _rotate_address(self, origin: str, pin: _PinnedClient) -> None:
        """Take the host's next address for the next call, once however many calls failed."""
        if self._pins.get(origin) is pin:
            self._turns[origin] = self._turns.pop(origin, 0) + 1
            if len(self._turns) > MAX_PINS:
                del self._turns[next(iter(self._turns))]
            self._drop(origin)

    def _retire(self, pin: _PinnedClient) -> None:
        """Calls under way still use it: it is closed when the last of them has timed out."""
        pin.made_at = time.monotonic()
        self._retired.append(pin)

    async def _close_retired(self) -> None:
        ended = time.monotonic() - self._total_timeout.total_seconds() - 1
        due = [pin for pin in self._retired if pin.made_at < ended]
        self._retired = [pin for pin in self._retired if pin.made_at >= ended]
        for pin in due:
            await _close(pin)


def _readable(answer: Response, name: str) -> str | None:
    try:
        return answer.get_header(name)
    except ValueError:
        return None


async def _close(pin: _PinnedClient) -> None:
    """Whoever waits for a new one is not told of an old one's trouble."""
    try:
        await pin.client.close()
    except Exception:
        logger.warning("An old connection was not closed", exc_info=True)


def _failure(error: RequestError) -> Failure:
    if isinstance(error, RequestTimeoutError):
        return TIMED_OUT
    message = (cause["message"] for cause in error.details["causes"] or [])
    return next((FAILURES[each] for each in message if each in FAILURES), BROKEN)
