# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A persistent connection to NATS, for the bus and for JetStream.

nats-py reconnects on its own, but not always: an error sent by the server closes its client for
good, and a network that drops packets holds it for a quarter of an hour
(https://github.com/nats-io/nats.py/issues/671). So a client serves one connection only, is pinged
every few seconds, and `NatsConnection` makes the next one.
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

from canale.nats.cancellation import cancel_until_done
from canale.runtime.events import wait_at_most

logger = logging.getLogger(__name__)

USUAL_PORT = 4222
CONNECT_SECONDS = 5
# Interval between pings, and how long the server has to answer one.
PING_SECONDS = 5
ANSWER_SECONDS = 3
INITIAL_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0
# After a connection of this length the pause starts from INITIAL_PAUSE_SECONDS.
STABLE_SECONDS = 10.0
CLOSE_SECONDS = 1.0
# Errors of the network, of TLS, and of the server or its answers.
FAILURES = (OSError, EOFError, ValueError, Error)

Opened = Callable[[Client], Awaitable[None]]


@cache
def installation(secret_key: str) -> str:
    """Return an id for this installation on a shared server. It reveals nothing of the key."""
    hkdf = HKDF(algorithm=SHA256(), length=8, salt=None, info=b"canale nats subjects")
    return hkdf.derive(secret_key.encode()).hex()


@dataclass(frozen=True, slots=True)
class Server:
    """The server to connect to, with the credentials."""

    url: str
    """Has no credentials, so it may be shown."""
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
    """Parse one URL of CANALE_NATS_URL. nats-py would not decode a percent-encoded password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    plain = f"{parts.scheme}://{shown}:{parts.port or USUAL_PORT}"
    if parts.username and parts.password is not None:
        return Server(plain, unquote(parts.username), unquote(parts.password))
    return Server(plain, token=unquote(parts.username) if parts.username else None)


def options(server: Server, name: str) -> Options:
    """Return options for one connection, tried twice. `name` is shown in NATS's monitoring."""
    return {
        "servers": [server.url],
        "name": name,
        "user": server.user,
        "password": server.password,
        "token": server.token,
        "allow_reconnect": False,
        # Without a limit nats-py never gives up on a server that is down:
        # https://github.com/nats-io/nats.py/issues/645
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "connect_timeout": CONNECT_SECONDS,
        "ping_interval": PING_SECONDS,
    }


class StrictClient(Client):
    """A client that requires TLS for `tls://`.

    nats-py's own would send the password in the clear to a server that offers no TLS;
    tests/units/test_nats_connection.py fails with it.
    """

    def _connect_command(self) -> bytes:
        asked = self._current_server is not None and self._current_server.uri.scheme == "tls"
        if asked and not self._server_info.get("tls_required"):
            raise Error("nats: the server does not ask for TLS, which tls:// needs")
        return super()._connect_command()


class NatsConnection:
    """Keep one connection to one of the servers. Everything runs on one event loop."""

    def __init__(self, urls: Sequence[str], name: str, opened: Opened, *, fallback: str) -> None:
        """Await `opened(client)` on each new connection before it counts as open.

        Subscriptions end with their connection: make them there. ``fallback`` is what the log says
        happens while there is no connection.
        """
        self._servers = [server_of(url) for url in urls]
        self._name = name
        self._opened = opened
        self._fallback = fallback
        self._failures = 0
        self._lost = False
        self._refusal = ""
        self.client: Client | None = None
        """The open connection."""
        self.problem = "not connected yet"
        """The reason why there is none; empty while there is."""
        self.problem_since: datetime | None = datetime.now(UTC)
        self.attempted = asyncio.Event()
        """Set once a connection was made or every server was tried."""

    async def run_forever(self) -> None:
        """Connect, and reconnect, until cancelled."""
        clock = asyncio.get_running_loop().time
        pause = INITIAL_PAUSE_SECONDS
        for server in itertools.cycle(random.sample(self._servers, len(self._servers))):
            begun = clock()
            reason = await cancel_until_done(partial(self._hold, server))
            self._set_problem(f"{server.url}: {reason}")
            self._failures += 1
            if self._failures >= len(self._servers):
                self.attempted.set()
            if not self._lost:
                self._lost = True
                logger.warning(
                    "NATS unreachable (%s); falling back: %s", self.problem, self._fallback
                )
            stable = clock() - begun > STABLE_SECONDS
            pause = INITIAL_PAUSE_SECONDS if stable else min(2 * pause, MAX_PAUSE_SECONDS)
            # Jitter, so that not all nodes reconnect at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async def _hold(self, server: Server) -> str:
        """Open one connection, hold it until it is lost, and return the reason."""
        errors: list[Exception] = []
        wakeup = asyncio.Event()

        async def on_error(error: Exception) -> None:
            errors.append(error)
            wakeup.set()
            if "permissions violation" in str(error).lower():
                # The connection stays, but hints get lost. Logged once.
                if not self._refusal:
                    logger.warning("NATS at %s refused hints: %s", server.url, error)
                self._refusal = f"{server.url}: {error}"
                self._set_problem(self._refusal)

        async def on_disconnect() -> None:
            wakeup.set()

        self._refusal = ""
        client = StrictClient()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    **options(server, self._name), error_cb=on_error, disconnected_cb=on_disconnect
                )
                await self._opened(client)
            self._up(client, server)
            await wait_until_lost(client, wakeup)
        except Exception as error:
            if not isinstance(error, FAILURES):
                logger.exception("Unexpected error in the connection to %s", server.url)
            errors.insert(0, error)
        finally:
            self.client = None
            await close_client(client)
        return reason_of(errors)

    def _up(self, client: Client, server: Server) -> None:
        self.client, self._failures = client, 0
        self._set_problem(self._refusal)
        self.attempted.set()
        if self._lost:
            logger.info("NATS reachable again at %s", server.url)
            self._lost = False

    def _set_problem(self, problem: str) -> None:
        """Set the reason why there is no connection; empty when there is one."""
        began = self.problem_since or datetime.now(UTC)
        self.problem, self.problem_since = problem, began if problem else None


async def wait_until_lost(client: Client, wakeup: asyncio.Event) -> None:
    """Return when the connection is lost. Raises one of FAILURES on an unanswered ping."""
    while client.is_connected:
        await wait_at_most(wakeup, PING_SECONDS)
        wakeup.clear()
        if client.is_connected:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.rtt()


def reason_of(errors: Sequence[Exception]) -> str:
    """Return the first meaningful error: nats-py always ends with NoServersError."""
    for error in errors:
        if isinstance(error, TimeoutError):
            return "no answer in time"
        if not isinstance(error, NoServersError):
            return str(error) or type(error).__name__
    return "the connection ended"


async def close_client(client: Client) -> None:
    """Flush and close in bounded time: nats-py waits for a peer that may never answer."""
    with suppress(*FAILURES):
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
