# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bus for several machines: NATS core subjects (https://docs.nats.io/nats-concepts/core-nats).

Django's threads, commands and event loops all publish; none of them may wait for the network. So
each process has one thread with an event loop that holds its one connection. While NATS is
unreachable, hints wait there (each once), and this process's own listeners are still notified.
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

from canale.bus.base import SUBJECTS, Callbacks
from canale.nats.connection import FAILURES, NatsConnection

logger = logging.getLogger(__name__)

Hint = tuple[str, bytes]

# Different hints kept for a NATS that is away or for a listener that is busy.
MAX_WAITING = 1_000
EVERYTHING: tuple[Hint, ...] = tuple((subject, b"") for subject in SUBJECTS)
# Longer data comes from another application that shares the server.
MAX_HINT_BYTES = 8_192
SEND_SECONDS = 5.0
# How long an exiting process waits until its hints are sent.
END_SECONDS = 2.0
FALLBACK = "listeners poll the database every second"


class NatsBus:
    """A bus for the processes of one installation. Connects at its first use."""

    def __init__(self, urls: tuple[str, ...], installation: str) -> None:
        self._urls = urls
        self._prefix = f"canale.{installation}."
        self._lock = threading.Lock()
        self._thread: NatsThread | None = None
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self.reset_after_fork)

    def publish(self, subject: str, data: bytes = b"") -> None:
        """Notify every listener eventually. Returns within microseconds, whatever NATS does."""
        if len(data) > MAX_HINT_BYTES:
            logger.warning("Hint %s not sent: longer than %s bytes", subject, MAX_HINT_BYTES)
            return
        try:
            self._running_thread().publish((subject, data))
        except RuntimeError:
            # No thread can be started, or the process is exiting.
            logger.warning("Hint %s not sent; listeners will poll", subject, exc_info=True)

    def subscribe(self, callbacks: Callbacks) -> NatsSubscription:
        """Listen on the running event loop, now or as soon as NATS answers."""
        thread = self._running_thread()
        subscription = NatsSubscription(thread, callbacks)
        thread.add(subscription)
        return subscription

    @property
    def problem(self) -> str:
        return self._running_thread().connection.problem

    @property
    def problem_since(self) -> datetime | None:
        return self._running_thread().connection.problem_since

    def _running_thread(self) -> NatsThread:
        with self._lock:
            if self._thread is None:
                self._thread = NatsThread(self._urls, self._prefix)
                self._thread.start()
            return self._thread

    def close(self) -> None:
        """Send pending hints, if NATS answers within END_SECONDS, and end. Called at exit, too."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()

    def reset_after_fork(self) -> None:
        """Start without a thread in a forked child, which has only the thread's memory."""
        self._lock = threading.Lock()
        if self._thread is not None:
            # Keep a reference: closing the loop would close the parent's epoll descriptor.
            _leaked_threads.append(self._thread)
            self._thread = None


_leaked_threads: list[NatsThread] = []


def _remember(hints: dict[Hint, None], hint: Hint) -> None:
    """Add a hint; beyond MAX_WAITING, replace all by hints to look at everything."""
    if len(hints) >= MAX_WAITING:
        hints.clear()
        hints.update(dict.fromkeys(EVERYTHING))
    hints[hint] = None


class NatsThread(threading.Thread):
    """The thread of one process: its event loop, connection, listeners and pending hints."""

    def __init__(self, urls: tuple[str, ...], prefix: str) -> None:
        super().__init__(name="nats-bus", daemon=True)
        self._prefix = prefix
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._pending: dict[Hint, None] = {}
        """Hints published by other threads, in order, each once."""
        self._kept: dict[Hint, None] = {}
        """Hints not yet sent to NATS."""
        self._listeners: set[NatsSubscription] = set()
        self._subscribed: Client | None = None
        self._wakeup = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        name = f"canale {os.getpid()}"
        self.connection = NatsConnection(urls, name, self._opened, fallback=FALLBACK)

    def run(self) -> None:
        runner = asyncio.Runner(loop_factory=lambda: self._loop)
        with suppress(asyncio.CancelledError), runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """Hold the connection, and send what other threads publish, until `end` cancels it."""
        self._serving = asyncio.current_task()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.connection.run_forever())
            while True:
                await self._wakeup.wait()
                self._wakeup.clear()
                client = self.connection.client
                for hint in self._take():
                    if client is None:
                        self._notify(hint)
                if client is not None:
                    # Unsent hints are sent on the next connection.
                    with suppress(*FAILURES):
                        async with asyncio.timeout(SEND_SECONDS):
                            await self._subscribe(client)
                            await self._send_kept(client)

    def publish(self, hint: Hint) -> None:
        """Any thread."""
        with self._lock:
            _remember(self._pending, hint)
        self._loop.call_soon_threadsafe(self._wakeup.set)

    def add(self, listener: NatsSubscription) -> None:
        """Any thread."""
        with self._lock:
            self._listeners = self._listeners | {listener}
        self._loop.call_soon_threadsafe(self._wakeup.set)

    def remove(self, listener: NatsSubscription) -> None:
        """Any thread."""
        with self._lock:
            self._listeners = self._listeners - {listener}

    def _take(self) -> dict[Hint, None]:
        """Move what other threads published to the hints that are kept until they are sent."""
        with self._lock:
            pending, self._pending = self._pending, {}
        for hint in pending:
            _remember(self._kept, hint)
        return pending

    async def _opened(self, client: Client) -> None:
        """On each new connection: subscribe first, then send pending hints, then catch up."""
        await self._subscribe(client)
        await self._send_kept(client)
        await client.flush()
        for hint in EVERYTHING:
            self._notify(hint)
        # For hints published while this connection was set up.
        self._wakeup.set()

    async def _subscribe(self, client: Client) -> None:
        async def receive(message: Msg) -> None:
            if len(message.data) <= MAX_HINT_BYTES:
                self._notify((message.subject.removeprefix(self._prefix), message.data))

        if self._listeners and self._subscribed is not client:
            self._subscribed = client
            await client.subscribe(self._prefix + ">", cb=receive)

    async def _send_kept(self, client: Client) -> None:
        while self._kept:
            hint = next(iter(self._kept))
            subject, data = hint
            try:
                await client.publish(self._prefix + subject, data)
            except BadSubjectError:
                logger.warning("Hint %r rejected by the NATS client", subject, exc_info=True)
            self._kept.pop(hint, None)

    def _notify(self, hint: Hint) -> None:
        for listener in self._listeners:
            listener.notify(hint)

    def end(self) -> None:
        """Send pending hints, if NATS answers within END_SECONDS, and end the thread."""

        async def send_all() -> None:
            await self.connection.attempted.wait()
            client = self.connection.client
            if client is not None:
                self._take()
                await self._send_kept(client)
                await client.flush()

        if not self.is_alive():
            return
        sent = asyncio.run_coroutine_threadsafe(send_all(), self._loop)
        with suppress(*FAILURES):
            sent.result(END_SECONDS)
        if self._serving is not None:
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self.join(END_SECONDS)


class NatsSubscription:
    """One listener: notified on its own event loop, once for hints that arrive together."""

    def __init__(self, thread: NatsThread, callbacks: Callbacks) -> None:
        self._thread = thread
        self._callbacks = callbacks
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._undelivered: dict[Hint, None] = {}
        self._closed = False

    def notify(self, hint: Hint) -> None:
        """Call back on the listener's loop. Called on the bus's thread."""
        if hint[0] not in self._callbacks:
            return

        def call_back() -> None:
            with self._lock:
                undelivered, self._undelivered = self._undelivered, {}
            for subject, data in undelivered:
                if self._closed:
                    return
                try:
                    self._callbacks[subject](data)
                except Exception:
                    # One bad hint must not end the subscription.
                    logger.exception("Error handling hint %r", (subject, data[:100]))

        with self._lock:
            first = not self._undelivered
            _remember(self._undelivered, hint)
        if first:
            # The listener's loop may be closed.
            try:
                self._loop.call_soon_threadsafe(call_back)
            except RuntimeError:
                self.close()

    def close(self) -> None:
        """Stop listening. May be called more than once."""
        self._closed = True
        self._thread.remove(self)
