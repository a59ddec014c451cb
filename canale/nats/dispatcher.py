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

from canale.delivery.queue import Waiting, unfinished_ids, waiting_from
from canale.nats.cancelling import ends_when_cancelled
from canale.nats.connection import FAILURES, NatsConnection
from canale.nats.stream import BatchStream

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 5.0
# After the database or the broker failed.
AGAIN_SECONDS = 0.5
# Batches under way to the server at once.
TOGETHER = 100
# Hints come with each follower too: looking for what is new takes a tenth of the time at most
# (numbers of 5,000 unfinished batches: 3 ms, of 30,000: 19 ms), and puts nothing off for longer.
PAUSE_FACTOR = 9.0
LONGEST_PAUSE_SECONDS = 0.2
MEANWHILE = "no batch is handed out: workers look for them"


class Dispatcher:
    """One in each process of `canale serve` that keeps workers or a scheduler."""

    def __init__(self, urls: Sequence[str], installation: str) -> None:
        self._stream = BatchStream(installation)
        self._line = NatsConnection(urls, "canale dispatcher", self._opened, meanwhile=MEANWHILE)
        self._context: JetStreamContext | None = None
        self._hinted = asyncio.Event()
        self.handed_out: set[int] = set()
        """Unfinished batches that the stream was given. No greatest number: a transaction that took
        its numbers early may commit late, and `canale resume` brings old ones back."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.keep())
            tasks.create_task(ends_when_cancelled(self._dispatch))

    def hint(self) -> None:
        """Something was planned. Called on the event loop."""
        self._hinted.set()

    async def _opened(self, client: Client) -> None:
        self._context = await self._stream.prepare(client)
        self.handed_out.clear()
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
                self._hint_soon()
            except FAILURES as error:
                logger.warning("Batches were not handed out, they will be: %s", error)
                self._hint_soon()

    def _hint_soon(self) -> None:
        """The hint that was followed in vain is followed again."""
        asyncio.get_running_loop().call_later(AGAIN_SECONDS, self.hint)

    async def _hint_until(self, end: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._hinted.wait()
        hinted = self._hinted.is_set()
        self._hinted.clear()
        return hinted

    async def _hand_out_new(self, context: JetStreamContext) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        new = await self._unfinished() - self.handed_out
        pause = min(PAUSE_FACTOR * (clock() - begun), LONGEST_PAUSE_SECONDS)
        if new:
            await self._hand_out(context, await asyncio.to_thread(_read_from, min(new)))
        await asyncio.sleep(pause)

    async def _repair(self, context: JetStreamContext) -> None:
        info = await context.stream_info(self._stream.name)
        unfinished = await self._unfinished()
        if info.state.messages and not unfinished:
            await self._stream.forget_until(context, info.state.last_seq)
        if info.state.messages < len(unfinished):
            self.handed_out.clear()
        # Hints get lost too, and finished batches whose acknowledgement was lost fill the stream.
        if missing := unfinished - self.handed_out:
            await self._hand_out(context, await asyncio.to_thread(_read_from, min(missing)))

    async def _unfinished(self) -> set[int]:
        """All that the table holds; what is not among them is forgotten."""
        unfinished = await asyncio.to_thread(_read_ids)
        self.handed_out &= unfinished
        return unfinished

    async def _hand_out(self, context: JetStreamContext, found: Sequence[Waiting]) -> None:
        batches = [batch for batch in found if batch.pk not in self.handed_out]
        for start in range(0, len(batches), TOGETHER):
            together = batches[start : start + TOGETHER]
            await asyncio.gather(
                *(
                    self._stream.hand_out(
                        context,
                        self._stream.subject(batch.pk, batch.transport, urgent=batch.urgent),
                    )
                    for batch in together
                )
            )
            self.handed_out.update(batch.pk for batch in together)


def _read_ids() -> set[int]:
    close_old_connections()
    return unfinished_ids()


def _read_from(batch_id: int) -> list[Waiting]:
    close_old_connections()
    return waiting_from(batch_id)
