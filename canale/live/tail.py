# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A tailer that reads new live events from the database and publishes them to the hub.

The database is the truth and the bus only a hint: a process that misses a hint reads the same
lines at the next poll.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from django.db import close_old_connections, connection

from canale.channel.models import Channel
from canale.live.encoding import EncodedEvent, EventKind, encode_sse
from canale.live.events import latest_id
from canale.live.hub import Hub
from canale.live.models import LiveEvent
from canale.runtime.database_away import outage
from canale.runtime.events import wait_at_most

logger = logging.getLogger(__name__)
POLL_SECONDS = 1.0
BACKLOG_LIMIT = 2_000


def encoded(event: LiveEvent) -> EncodedEvent:
    return EncodedEvent(event.pk, encode_sse(event.pk, cast("EventKind", event.kind), event.data))


def backlog(handle: str, after_id: int) -> Sequence[EncodedEvent]:
    """Return a channel's events after an id, ascending. Called in the hub's threads."""
    try:
        rows = LiveEvent.objects.filter(channel__handle=handle, pk__gt=after_id).order_by("pk")
        return [encoded(event) for event in rows]
    finally:
        connection.close()


class EventTailer:
    """One per web process: brings new events to the hub and the page store."""

    def __init__(self, hub: Hub, forget_pages: Callable[[str], None]) -> None:
        self._hub = hub
        self._forget_pages = forget_pages
        self._seen = 0
        self._handles: set[str] = set()
        self._handles_read = float("-inf")
        self._hinted = asyncio.Event()
        # One thread, so that events are read and published in order.
        self._thread = ThreadPoolExecutor(1, "live-tail")

    @property
    def handles(self) -> frozenset[str]:
        """Return the open channels."""
        return frozenset(self._handles)

    def hint(self) -> None:
        """Read without waiting for the next poll. Called on the event loop."""
        self._hinted.set()

    async def start(self) -> None:
        """Open every channel at its latest event, before the first page is served."""
        loop = asyncio.get_running_loop()
        self._seen = await loop.run_in_executor(self._thread, latest_id)
        await self._open_channels()

    async def run(self) -> None:
        """Read new events after each hint, and once a second, until cancelled."""
        hinted = False
        while True:
            try:
                await self._catch_up()
                outage.answered()
            except Exception:
                logger.exception("Error reading live events; will retry")
                if hinted or self._hinted.is_set():
                    # Another node wrote something that cannot be read here, perhaps a withdrawal:
                    # no page may stand in for what it took back (docs/decisions/0033).
                    for handle in self._handles:
                        self._forget_pages(handle)
                await asyncio.sleep(POLL_SECONDS)
            await wait_at_most(self._hinted, POLL_SECONDS)
            hinted = self._hinted.is_set()
            self._hinted.clear()

    async def _catch_up(self) -> None:
        def read_new() -> list[LiveEvent]:
            close_old_connections()
            rows = LiveEvent.objects.filter(pk__gt=self._seen).select_related("channel")
            return list(rows.order_by("pk")[:BACKLOG_LIMIT])

        await self._open_channels()
        loop = asyncio.get_running_loop()
        events = await loop.run_in_executor(self._thread, read_new)
        # Pages are forgotten first, so that a reader of an event who asks for its post gets it.
        # Counts cost no page: each opens the stream at its own number, and receives the newest.
        news = (event for event in events if event.kind != LiveEvent.Kind.REACTIONS)
        for handle in {event.channel.handle for event in news}:
            self._forget_pages(handle)
        for event in events:
            if event.kind == LiveEvent.Kind.WITHDRAWAL:
                self._hub.forget(event.channel.handle)
            self._hub.publish(event.channel.handle, encoded(event))
            self._seen = event.pk

    async def _open_channels(self) -> None:
        """Open channels created since the last call; a newer one opens with its first event."""

        def read_handles() -> set[str]:
            close_old_connections()
            return set(Channel.objects.values_list("handle", flat=True))

        loop = asyncio.get_running_loop()
        if loop.time() - self._handles_read < POLL_SECONDS / 2:
            return
        self._handles_read = loop.time()
        handles = await loop.run_in_executor(self._thread, read_handles)
        for handle in handles - self._handles:
            self._hub.open(handle, self._seen)
        for handle in self._handles - handles:
            self._hub.close(handle)
        self._handles = handles
