# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A connection to NATS that is kept: for the bus, and for whoever else talks to NATS.

nats-py reconnects by itself, but not always: an error that the server says closes its client for
good, and a network that swallows packets holds it for a quarter of an hour
(https://github.com/nats-io/nats.py/issues/671). So a client lives for one connection only, is
asked every few seconds whether it still hears the server, and `Line` makes the next one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import TypedDict
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nats.aio.client import Client
from nats.errors import Error, NoServersError

from canale.bus.cancelling import ends_when_cancelled

logger = logging.getLogger(__name__)

USUAL_PORT = 4222
CONNECT_SECONDS = 5
# Every so often the server is asked for an answer, and given so long.
PING_SECONDS = 5
ANSWER_SECONDS = 3
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
# A connection that lasted so long was well: the next is tried at once.
WELL_SECONDS = 10.0
CLOSE_SECONDS = 1.0
# What the network, TLS, the server or what it says can do to us.
FAILURES = (OSError, EOFError, ValueError, Error)

Opened = Callable[[Client], Awaitable[None]]


@cache
def installation(secret_key: str) -> str:
    """Tells installations apart that share a server; says nothing about the key."""
    hkdf = HKDF(algorithm=SHA256(), length=8, salt=None, info=b"canale nats subjects")
    return hkdf.derive(secret_key.encode()).hex()


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect, and as whom."""

    url: str
    """Without the credentials: it may be shown."""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


class Options(TypedDict):
    """The arguments of nats-py's `connect` that we set."""

    servers: list[str]
    name: str
    user: str | None
    password: str | None
    token: str | None
    allow_reconnect: bool
    max_reconnect_attempts: int
    reconnect_time_wait: int
    connect_timeout: int
    ping_interval: int


def server_of(url: str) -> Server:
    """One server of CANALE_NATS_URL; nats-py would send a percent-encoded password as it stands."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    plain = f"{parts.scheme}://{shown}:{parts.port or USUAL_PORT}"
    if parts.username and parts.password is not None:
        return Server(plain, unquote(parts.username), unquote(parts.password))
    return Server(plain, token=unquote(parts.username) if parts.username else None)


def options(server: Server, name: str) -> Options:
    """One connection, tried twice, and over when it is lost. `name` shows in NATS's monitoring."""
    return {
        "servers": [server.url],
        "name": name,
        "user": server.user,
        "password": server.password,
        "token": server.token,
        "allow_reconnect": False,
        # Without a number of attempts nats-py tries a server that is down for ever:
        # https://github.com/nats-io/nats.py/issues/645
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "connect_timeout": CONNECT_SECONDS,
        "ping_interval": PING_SECONDS,
    }


class StrictClient(Client):
    """nats-py's client, but `tls://` means TLS: it would otherwise trust a server without."""

    def _connect_command(self) -> bytes:
        asked = self._current_server is not None and self._current_server.uri.scheme == "tls"
        if asked and not self._server_info.get("tls_required"):
            raise Error("nats: the server does not ask for TLS, which tls:// needs")
        return super()._connect_command()


class Line:
    """Keeps one connection to one of the servers. All of it runs on one event loop."""

    def __init__(self, urls: Sequence[str], name: str, opened: Opened, *, meanwhile: str) -> None:
        """`opened(client)` is awaited on each new connection before it counts as open.

        Subscriptions end with their connection: make them there. ``meanwhile`` is said in the log:
        what happens as long as there is none.
        """
        self._meanwhile = meanwhile
        self._servers = [server_of(url) for url in urls]
        self._name = name
        self._opened = opened
        self._failures = 0
        self._lost = False
        self._refusal = ""
        self.client: Client | None = None
        """The open connection."""
        self.trouble = "not connected yet"
        """Why there is none; empty while there is."""
        self.trouble_since: datetime | None = datetime.now(UTC)
        self.settled = asyncio.Event()
        """Once a connection was made, or every server was tried."""

    async def keep(self) -> None:
        """Connects, and connects again, for ever."""
        pause = FIRST_PAUSE_SECONDS
        for server in itertools.cycle(random.sample(self._servers, len(self._servers))):
            begun = asyncio.get_running_loop().time()
            await ends_when_cancelled(partial(self._connection, server))
            lasted = asyncio.get_running_loop().time() - begun > WELL_SECONDS
            pause = FIRST_PAUSE_SECONDS if lasted else min(2 * pause, LONGEST_PAUSE_SECONDS)
            # Not all nodes at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async def _connection(self, server: Server) -> None:
        """The life of one connection."""
        said: list[Exception] = []
        stirred = asyncio.Event()
        self._refusal = ""

        async def hear_error(error: Exception) -> None:
            said.append(error)
            stirred.set()
            if "permissions violation" in str(error).lower():
                self._refused(server, error)

        async def hear_end() -> None:
            stirred.set()

        client = StrictClient()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    **options(server, self._name), error_cb=hear_error, disconnected_cb=hear_end
                )
                await self._opened(client)
            self._up(client, server)
            await _stay(client, stirred)
        except FAILURES as error:
            said.insert(0, error)
        except Exception as error:
            logger.exception("The connection to %s went wrong", server.url)
            said.insert(0, error)
        finally:
            self.client = None
            await _close(client)
        self._down(server, _reason(said))

    def _up(self, client: Client, server: Server) -> None:
        self.client, self._failures = client, 0
        self._in_trouble(self._refusal)
        self.settled.set()
        if self._lost:
            logger.info("NATS answers again, at %s", server.url)
            self._lost = False

    def _refused(self, server: Server, error: Exception) -> None:
        """A subject that this user may not use: the connection stays, hints get lost. Said once."""
        if not self._refusal:
            logger.warning("NATS refuses hints, at %s: %s", server.url, error)
        self._refusal = f"{server.url}: {error}"
        self._in_trouble(self._refusal)

    def _in_trouble(self, trouble: str) -> None:
        """Empty: out of it."""
        began = self.trouble_since or datetime.now(UTC)
        self.trouble, self.trouble_since = trouble, began if trouble else None

    def _down(self, server: Server, reason: str) -> None:
        self._in_trouble(f"{server.url}: {reason}")
        self._failures += 1
        if self._failures >= len(self._servers):
            self.settled.set()
        if not self._lost:
            logger.warning("NATS does not answer (%s); meanwhile %s", self.trouble, self._meanwhile)
            self._lost = True


async def _stay(client: Client, stirred: asyncio.Event) -> None:
    """Until the connection is lost. Raises one of FAILURES when the server does not answer."""
    while client.is_connected:
        with suppress(TimeoutError):
            async with asyncio.timeout(PING_SECONDS):
                await stirred.wait()
        stirred.clear()
        if client.is_connected:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.rtt()


def _reason(said: Sequence[Exception]) -> str:
    """The first that says something: nats-py ends with "no servers" whatever the matter was."""
    for error in said:
        if isinstance(error, TimeoutError):
            return "no answer in time"
        if not isinstance(error, NoServersError):
            return str(error) or type(error).__name__
    return "the connection ended"


async def _close(client: Client) -> None:
    """In bounded time: nats-py waits for a peer that may never answer."""
    with suppress(*FAILURES):
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
