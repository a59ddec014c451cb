# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hands unfinished batches to JetStream: at once when something is planned, and every few seconds
whatever the broker lost. Every node does it; the stream keeps each batch once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from django.db import DatabaseError, close_old_connections
from nats.aio.client import Client
from nats.js import JetStreamContext

from canale.bus.nats_line import FAILURES, Line
from canale.delivery.engines.stream import BatchStream
from canale.delivery.queue import Waiting, count_unfinished, waiting_after

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 5.0
# Batches under way to the server at once.
TOGETHER = 100
MEANWHILE = "no batch is handed out: workers look for them"


class Dispatcher:
    """One in each process of `canale serve` that keeps workers or a scheduler."""

    def __init__(self, urls: Sequence[str], installation: str) -> None:
        self._stream = BatchStream(installation)
        self._line = Line(urls, "canale dispatcher", self._opened, meanwhile=MEANWHILE)
        self._context: JetStreamContext | None = None
        self._hinted = asyncio.Event()
        self._handed_out = 0
        """Up to this batch, all were handed out once."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.keep())
            tasks.create_task(self._dispatch())

    def hint(self) -> None:
        """Something was planned. Called on the event loop."""
        self._hinted.set()

    async def _opened(self, client: Client) -> None:
        self._context = await self._stream.prepare(client)
        self._handed_out = 0
        self.hint()

    async def _dispatch(self) -> None:
        clock = asyncio.get_running_loop().time
        sweep_at = clock() + SWEEP_SECONDS
        while True:
            hinted = await self._hint_until(sweep_at)
            sweeping = clock() >= sweep_at
            if sweeping:
                sweep_at = clock() + SWEEP_SECONDS
            context = self._context if self._line.client is not None else None
            if context is None:
                continue
            try:
                if hinted:
                    await self._hand_out_new(context)
                # Hints come with each follower too: they put no sweep off.
                if sweeping:
                    await self._repair(context)
            except DatabaseError:
                logger.exception("Unfinished batches were not read; trying again")
            except FAILURES as error:
                logger.warning("Batches were not handed out, they will be: %s", error)

    async def _hint_until(self, end: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._hinted.wait()
        hinted = self._hinted.is_set()
        self._hinted.clear()
        return hinted

    async def _hand_out_new(self, context: JetStreamContext) -> None:
        batches = await asyncio.to_thread(_read, self._handed_out)
        await self._hand_out(context, batches)
        self._handed_out = max((batch.pk for batch in batches), default=self._handed_out)

    async def _repair(self, context: JetStreamContext) -> None:
        info = await context.stream_info(self._stream.name)
        if info.state.messages < await asyncio.to_thread(_count):
            await self._hand_out(context, await asyncio.to_thread(_read, 0))

    async def _hand_out(self, context: JetStreamContext, batches: Sequence[Waiting]) -> None:
        for start in range(0, len(batches), TOGETHER):
            await asyncio.gather(
                *(
                    self._stream.hand_out(
                        context,
                        self._stream.subject(batch.pk, batch.transport, urgent=batch.urgent),
                    )
                    for batch in batches[start : start + TOGETHER]
                )
            )


def _read(after: int) -> list[Waiting]:
    close_old_connections()
    return waiting_after(after)


def _count() -> int:
    close_old_connections()
    return count_unfinished()
