# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bus of several machines: NATS core subjects (https://docs.nats.io/nats-concepts/core-nats).

Django's threads, commands and event loops all publish; none of them may wait for the network. So
each process has one thread with an event loop that holds its one connection. While NATS is away,
hints wait there (each once), and this process's own listeners hear them all the same.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from contextlib import suppress
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import BadSubjectError

from canale.bus.base import SUBJECTS, Callback
from canale.bus.nats_line import FAILURES, Line

logger = logging.getLogger(__name__)

Hint = tuple[str, bytes]

# Different hints kept for a NATS that is away or for a listener that is busy.
MOST_WAITING = 1_000
EVERYTHING: tuple[Hint, ...] = tuple((subject, b"") for subject in SUBJECTS)
# Of a hint's data; more is not ours (on a server that others use too).
LARGEST = 8_192
SEND_SECONDS = 5.0
# So long a process that ends waits for its hints to be on their way.
END_SECONDS = 2.0
MEANWHILE = "who waits for hints looks into the database every second"


class NatsBus:
    """A bus for the processes of one installation. Connects at its first use."""

    def __init__(self, urls: tuple[str, ...], installation: str) -> None:
        self._urls = urls
        self._prefix = f"canale.{installation}."
        self._lock = threading.Lock()
        self._talk: Talk | None = None

    def publish(self, subject: str, data: bytes = b"") -> None:
        """Tells every listener, sooner or later. Takes microseconds, whatever NATS does."""
        if len(data) > LARGEST:
            logger.warning("The hint %s is longer than %s bytes: not sent", subject, LARGEST)
            return
        try:
            self._talking().say((subject, data))
        except RuntimeError:
            # No thread can be started, or the process is ending.
            logger.warning("The hint %s was not sent; polling repairs it.", subject, exc_info=True)

    def subscribe(self, callback: Callback) -> NatsSubscription:
        """Listens on the running event loop, now or as soon as NATS answers."""
        talk = self._talking()
        subscription = NatsSubscription(talk, callback)
        talk.add(subscription)
        return subscription

    @property
    def trouble(self) -> str:
        return self._talking().line.trouble

    @property
    def trouble_since(self) -> datetime | None:
        return self._talking().line.trouble_since

    def _talking(self) -> Talk:
        with self._lock:
            if self._talk is None:
                self._talk = Talk(self._urls, self._prefix)
                self._talk.start()
                atexit.register(self._talk.end)
                os.register_at_fork(after_in_child=self._start_anew)
            return self._talk

    def _start_anew(self) -> None:
        """A forked child has the thread's memory, but no thread."""
        self._lock = threading.Lock()
        if self._talk is not None:
            # Its loop must not be tidied up: the child's epoll is the parent's too.
            _left_behind.append(self._talk)
            self._talk = None


_left_behind: list[Talk] = []


def _remember(hints: dict[Hint, None], hint: Hint) -> None:
    """Too many become: look at everything."""
    if len(hints) >= MOST_WAITING:
        hints.clear()
        hints.update(dict.fromkeys(EVERYTHING))
    hints[hint] = None


class Talk(threading.Thread):
    """One process's part in the talk: its thread, loop, connection, listeners and waiting hints."""

    def __init__(self, urls: tuple[str, ...], prefix: str) -> None:
        super().__init__(name="nats-bus", daemon=True)
        self._prefix = prefix
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._said: dict[Hint, None] = {}
        """By the other threads, in order, each once."""
        self._kept: dict[Hint, None] = {}
        """Those that NATS has not got yet."""
        self._listeners: set[NatsSubscription] = set()
        self._hearing: Client | None = None
        self._stirred = asyncio.Event()
        self.line = Line(urls, f"canale {os.getpid()}", self._opened, meanwhile=MEANWHILE)

    def run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._talk())

    async def _talk(self) -> None:
        self._whole = asyncio.gather(self.line.keep(), self._pass_on())
        await self._whole

    def say(self, hint: Hint) -> None:
        """Any thread."""
        with self._lock:
            _remember(self._said, hint)
        self._loop.call_soon_threadsafe(self._stirred.set)

    def add(self, listener: NatsSubscription) -> None:
        """Any thread."""
        with self._lock:
            self._listeners = self._listeners | {listener}
        self._loop.call_soon_threadsafe(self._stirred.set)

    def remove(self, listener: NatsSubscription) -> None:
        """Any thread."""
        with self._lock:
            self._listeners = self._listeners - {listener}

    async def _pass_on(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            client = self.line.client
            for hint in self._take():
                if client is None:
                    self._tell(hint)
            if client is not None:
                # What cannot be sent now is sent on the next connection.
                with suppress(*FAILURES):
                    async with asyncio.timeout(SEND_SECONDS):
                        await self._hear(client)
                        await self._send_kept(client)

    def _take(self) -> dict[Hint, None]:
        """What the other threads said since; kept from now on until it is sent."""
        with self._lock:
            said, self._said = self._said, {}
        for hint in said:
            _remember(self._kept, hint)
        return said

    async def _opened(self, client: Client) -> None:
        """On each new connection: listen first, then say what waited, then catch up."""
        await self._hear(client)
        await self._send_kept(client)
        await client.flush()
        for hint in EVERYTHING:
            self._tell(hint)
        # For what came meanwhile.
        self._stirred.set()

    async def _hear(self, client: Client) -> None:
        if self._listeners and self._hearing is not client:
            self._hearing = client
            await client.subscribe(self._prefix + ">", cb=self._heard)

    async def _heard(self, message: Msg) -> None:
        if len(message.data) <= LARGEST:
            self._tell((message.subject.removeprefix(self._prefix), message.data))

    async def _send_kept(self, client: Client) -> None:
        while self._kept:
            hint = next(iter(self._kept))
            subject, data = hint
            try:
                await client.publish(self._prefix + subject, data)
            except BadSubjectError:
                logger.warning("The hint %r cannot be sent", subject, exc_info=True)
            self._kept.pop(hint, None)

    def _tell(self, hint: Hint) -> None:
        for listener in self._listeners:
            listener.tell(hint)

    def end(self) -> None:
        """When the process ends: what was said is sent, if NATS answers within a moment."""
        if not self.is_alive():
            return
        sent = asyncio.run_coroutine_threadsafe(self._send_all(), self._loop)
        with suppress(*FAILURES):
            sent.result(END_SECONDS)
        self._loop.call_soon_threadsafe(self._whole.cancel)
        self.join(END_SECONDS)

    async def _send_all(self) -> None:
        await self.line.settled.wait()
        client = self.line.client
        if client is not None:
            self._take()
            await self._send_kept(client)
            await client.flush()


class NatsSubscription:
    """One listener: hints are told on its own event loop, those that came together once."""

    def __init__(self, talk: Talk, callback: Callback) -> None:
        self._talk = talk
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._untold: dict[Hint, None] = {}
        self._closed = False

    def tell(self, hint: Hint) -> None:
        """Called on the bus's thread."""
        with self._lock:
            first = not self._untold
            _remember(self._untold, hint)
        if first:
            try:
                self._loop.call_soon_threadsafe(self._tell_all)
            except RuntimeError:
                # Its loop was closed without it.
                self.close()

    def _tell_all(self) -> None:
        with self._lock:
            untold, self._untold = self._untold, {}
        for subject, data in untold:
            if self._closed:
                return
            try:
                self._callback(subject, data)
            except Exception:
                # One bad hint must not end the listening.
                logger.exception("A hint was not understood: %r", (subject, data[:100]))

    def close(self) -> None:
        """Stops listening. May be called more than once."""
        self._closed = True
        self._talk.remove(self)
