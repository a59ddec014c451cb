# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fetches previews beside the fan-out, one at a time in each worker process.

Nothing waits for a preview: neither the publication, which queued it, nor a notification.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from canale.bus.base import Bus
from canale.channel.images import stop_decoders
from canale.core.settings import settings
from canale.delivery.plan import SUBJECT
from canale.previews.fetch import Fetcher, NoPreviewError, open_client
from canale.previews.queue import claim_preview, record_failure, record_found
from canale.runtime.database_thread import DatabaseThread
from canale.runtime.events import wait_at_most

logger = logging.getLogger(__name__)

# Retries become due, and hints get lost.
POLL_SECONDS = 5.0


class PreviewRunner:
    """One per worker process, whose database thread it shares."""

    def __init__(self, database: DatabaseThread, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._wakeup = asyncio.Event()
        self._fetching: asyncio.Task[bool] | None = None
        self._stopping = False

    async def run(self, bus: Bus) -> None:
        """Fetch what is queued until `stop` is called; nothing if previews are off."""
        if not settings.link_previews:
            return
        subscription = bus.subscribe({SUBJECT: lambda _: self._wakeup.set()})
        client = open_client()
        fetcher = Fetcher(client, settings.preview_origins)
        try:
            while not self._stopping:
                self._wakeup.clear()
                self._fetching = asyncio.create_task(self._fetch_next(fetcher))
                if not await self._fetching:
                    await wait_at_most(self._wakeup, POLL_SECONDS)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            subscription.close()
            await client.close()

    def stop(self) -> None:
        """End `run`, and the attempt under way, which is repeated later. Called on the loop."""
        self._stopping = True
        self._wakeup.set()
        if self._fetching is not None:
            self._fetching.cancel()
        # The thread that waits for one would hold the process.
        stop_decoders()

    async def _fetch_next(self, fetcher: Fetcher) -> bool:
        """Make one attempt. Return False if nothing is due, or the database cannot say."""
        try:
            claim = await self._database.run(lambda: claim_preview(self._clock()))
            if claim is None:
                return False
            try:
                found = await fetcher.fetch(claim.url)
                await self._database.run(lambda: record_found(claim, found))
            except NoPreviewError as error:
                may_retry = error.may_retry
                is_over = not await self._database.run(
                    lambda: record_failure(claim, self._clock(), may_retry=may_retry)
                )
                if is_over:
                    logger.info("No link preview: %s", error, extra={"post": claim.post_id})
        except Exception:
            logger.exception("Unexpected error fetching a link preview; will retry")
            return False
        return True
