# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""HTTP clients by origin, each *pinned* to an address of its host that was checked.

A client never resolves on its own, so changing the address between check and call (DNS rebinding)
has no effect. An outgoing proxy (CONNECT) resolves the name itself (docs/decisions/0042).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.proxy import ProxyBuilder

from canale.net.connection_pacer import ConnectionPacer
from canale.net.endpoints import KnownHosts, Resolver, public_addresses
from canale.net.http_errors import (
    BROKEN,
    UNANSWERED,
    UNCONNECTED,
    UNPROCESSED,
    UNREACHED,
    Failure,
    ResolutionError,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

RESOLVE_TIMEOUT = 10.0
# Without a confirmation of what was sent, over HTTP/1.1; HTTP/2 has pings.
UNDELIVERED_TIMEOUT = timedelta(seconds=1.5)
PIN_SECONDS = 300.0  # Hosts change their addresses; resolve again this often.
# A connection without any response for this long gets no new calls.
STALL_SECONDS = 3.0
# Strangers choose the hosts; this bounds the clients kept for them.
MAX_PINS = 64


@dataclass(slots=True)
class Pin:
    """A client for one origin, and what is known of its connections."""

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
    pacer: ConnectionPacer | None = field(init=False)
    """None over HTTP/2, where all calls share a connection."""

    def __post_init__(self) -> None:
        self.pacer = None if self.http2 else ConnectionPacer()

    @property
    def has_room(self) -> bool:
        """True if a call would be sent at once."""
        return self.pacer is None or self.pacer.has_room

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


class Pins:
    """Clients by origin. Belongs to one event loop; the caller has checked the origin."""

    def __init__(
        self,
        builder: Callable[[], ClientBuilder],
        *,
        trusted: frozenset[str],
        known: KnownHosts | None,
        resolver: Resolver,
        proxy: str,
        bulk: bool,
        close_after: float,
    ) -> None:
        """``trusted`` origins are called directly, at any address. Behind a ``proxy`` only
        ``known`` hosts are not looked up here. ``close_after``: seconds until the last call of a
        client that is replaced has ended."""
        self._builder = builder
        self._trusted = trusted
        self._known_hosts = known
        self._resolver = resolver
        self._proxy = proxy
        self._bulk = bulk
        self._close_after = close_after
        self._pins: dict[str, Pin] = {}
        self._turns: dict[str, int] = {}
        self._http2: dict[str, bool] = {}
        """True for origins that answered over HTTP/2, False for those to negotiate with."""
        self._known: dict[str, bool] = {}
        """Origins that have responded, the latest last."""
        self._opening: dict[str, asyncio.Task[Pin]] = {}
        self._retired: list[Pin] = []

    def held(self, origin: str) -> Pin | None:
        """Return the origin's client if there is one that can be used."""
        pin = self._pins.get(origin)
        expired = (
            pin and origin not in self._trusted and time.monotonic() >= pin.made_at + PIN_SECONDS
        )
        if pin is None or pin.stalled or expired:
            return None
        # Move it to the end: the least recently used client is dropped first.
        self._pins[origin] = self._pins.pop(origin)
        return pin

    async def get(self, origin: str) -> Pin:
        """Return the origin's client, a new one if need be.

        Raises ResolutionError, EndpointRefusedError.
        """
        if (pin := self.held(origin)) is not None:
            return pin
        opening = self._opening.get(origin)
        if opening is None:
            opening = asyncio.create_task(self._renewed(origin))
            self._opening[origin] = opening
            opening.add_done_callback(lambda _: self._opening.pop(origin, None))
        # Many calls wait for one resolution; one that is cancelled must not cancel the others.
        return await asyncio.shield(opening)

    async def _renewed(self, origin: str) -> Pin:
        ended = time.monotonic() - self._close_after
        due = [pin for pin in self._retired if pin.made_at < ended]
        self._retired = [pin for pin in self._retired if pin.made_at >= ended]
        for pin in due:
            await _close(pin)
        http2 = origin.startswith("https:") and self._http2.get(origin, self._bulk)
        client, addresses = await self._client(origin, http2=http2)
        now = time.monotonic()
        fresh = Pin(client, http2, made_at=now, addresses=addresses, silent_since=now)
        self._drop(origin)
        self._pins[origin] = fresh
        if len(self._pins) > MAX_PINS:
            self._drop(next(iter(self._pins)))
        return fresh

    async def _client(self, origin: str, *, http2: bool) -> tuple[Client, int]:
        """Return a client and the number of the host's addresses."""
        if origin in self._trusted:
            return await asyncio.to_thread(self._built, http2=http2), 1
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port or 443
        if self._proxy and self._known_hosts and self._known_hosts.holds(host):
            return await asyncio.to_thread(self._built, http2=http2, proxied=True), 1
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                addresses = await public_addresses(host, port, self._resolver)
        except OSError:  # TimeoutError is one.
            raise ResolutionError("the host's name cannot be resolved") from None
        if self._proxy:
            return await asyncio.to_thread(self._built, http2=http2, proxied=True), 1
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
        elif self._bulk:
            builder = builder.tcp_user_timeout(UNDELIVERED_TIMEOUT)
        if at is not None:
            builder = builder.https_only(True).resolve(*at)
        if proxied:
            builder = builder.https_only(True).proxy(ProxyBuilder.https(self._proxy))
        return builder.build()

    def answered(self, origin: str, pin: Pin, version: str) -> None:
        """Record a response of this version of HTTP."""
        pin.answered_at = time.monotonic()
        if not pin.has_answered:
            pin.has_answered = True
            _remember(self._known, origin, True)
        if pin.http2:
            if pin.silent_since is not None:
                pin.silent_since = None
                _remember(self._http2, origin, True)
        elif self._bulk and version == "HTTP/2.0" and self._pins.get(origin) is pin:
            _remember(self._http2, origin, True)
            self._drop(origin)

    def failed(self, origin: str, pin: Pin, begun: float, failure: Failure) -> Failure:
        """Record a failure; return it reclassified by what is known of the origin."""
        known = pin.has_answered or origin in self._known
        if failure is UNCONNECTED and not known and pin.addresses == 1:
            failure = UNREACHED
        if failure is BROKEN and pin.http2 and not known and origin not in self._http2:
            # A server of HTTP/1.1 cannot have processed a request sent as HTTP/2.
            failure = UNCONNECTED
        if failure is not UNPROCESSED and self._pins.get(origin) is pin:
            self._doubt(origin, pin, begun, failure)
        return failure

    def _doubt(self, origin: str, pin: Pin, begun: float, failure: Failure) -> None:
        """Leave the connection, the address or HTTP/2 after a failure that may be theirs."""
        silent = pin.answered_at <= begun
        if failure is UNANSWERED:
            # Over HTTP/1.1 the call was alone on its connection, which is closed.
            if silent and pin.http2:
                self._drop(origin)
            return
        if failure is UNCONNECTED and silent:
            # The next address from now on, once for any number of failed calls.
            _remember(self._turns, origin, self._turns.get(origin, 0) + 1)
            self._drop(origin)
        if pin.silent_since is None:
            pin.silent_since = time.monotonic()
        elif pin.http2 and begun >= pin.silent_since:
            # Two consecutive calls failed: the host may no longer speak HTTP/2.
            _remember(self._http2, origin, False)
            self._drop(origin)

    def _drop(self, origin: str) -> None:
        """Use the client no more; close it when the last call in flight has timed out."""
        pin = self._pins.pop(origin, None)
        if pin is not None:
            pin.made_at = time.monotonic()
            self._retired.append(pin)

    async def close(self) -> None:
        """Close every connection."""
        for opening in self._opening.values():
            opening.cancel()
        pins = [*self._pins.values(), *self._retired]
        self._pins.clear()
        self._retired.clear()
        for pin in pins:
            await _close(pin)


def _remember(table: dict[str, T], origin: str, value: T) -> None:
    table.pop(origin, None)
    table[origin] = value
    if len(table) > MAX_PINS:
        del table[next(iter(table))]


async def _close(pin: Pin) -> None:
    """Close an old client; an error is logged and must not fail the call for a new one."""
    try:
        await pin.client.close()
    except Exception:
        logger.warning("Error closing an old connection", exc_info=True)
