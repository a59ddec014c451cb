# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sends batches, retries and welcomes: read, let the database go, send, record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.db import close_old_connections
from django.utils import timezone

from canale.delivery.chunk import (
    ClaimLost,
    Parcel,
    read_chunk,
    record_chunk,
    sendable,
    skip_rest,
)
from canale.delivery.compose import compose, compose_welcome
from canale.delivery.models import Batch, Broadcast, Retry, Welcome
from canale.delivery.queue import claim_batch, hand_back, urgent_waiting, worker_name
from canale.delivery.repeat import (
    claim_retries,
    claim_welcomes,
    drop_retries,
    parcels,
    record_retries,
    record_welcomes,
)
from canale.delivery.transports.base import FanOutTransport, Message, Outcome, Result
from canale.delivery.transports.registry import Entry, for_address_kind, named

logger = logging.getLogger(__name__)
T = TypeVar("T")

FAILED = Result(Outcome.REJECTED, None, "an error of our own")
UNOPENED = Result(Outcome.REJECTED, None, "the vault does not open this address")


class Deliverer:
    """One per worker process. Its database calls run in one thread, its sending on the loop."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now) -> None:
        self.name = worker_name()
        self.clock = clock
        self.stopping = False
        self._database = ThreadPoolExecutor(1, "delivery-database")
        self._transports: dict[str, FanOutTransport] = {}

    async def close(self) -> None:
        """Hand back what is claimed, close the connections to the far ends."""
        try:
            await self.hand_back()
        finally:
            for transport in self._transports.values():
                await transport.close()

    async def hand_back(self) -> None:
        """Let others, or this worker later, take what it has claimed."""
        await self.call(lambda: hand_back(self.name))

    async def call(self, work: Callable[[], T]) -> T:
        """Run database work in its thread."""

        def run() -> T:
            close_old_connections()
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._database, run)

    async def work_once(self) -> bool:
        """Do the most urgent thing there is; False when there was nothing to do."""
        return (
            await self._batch(urgent=True)
            or await self._retries(urgent=True)
            or await self._welcomes()
            or await self._batch(urgent=False)
            or await self._retries(urgent=False)
        )

    async def _batch(self, *, urgent: bool) -> bool:
        batch = await self.call(lambda: claim_batch(self.name, self.clock(), urgent=urgent))
        if batch is None:
            return False
        try:
            await self._deliver(batch)
        except ClaimLost:
            logger.warning("Batch %s was taken over by another worker", batch.pk)
        return True

    async def _deliver(self, batch: Batch) -> None:
        broadcast = batch.broadcast
        entry = named(broadcast.transport)
        while await self._may_go_on(batch):
            if not await self.call(lambda: sendable(broadcast, self.clock())):
                await self.call(lambda: skip_rest(batch, self.name))
                logger.info("Post %s: batch %s is not sent any more", broadcast.post_id, batch.pk)
                return
            chunk = await self.call(lambda: read_chunk(batch))
            results = await self._send(
                entry, chunk.parcels, await self._messages(broadcast, chunk.parcels)
            )
            await self.call(partial(record_chunk, batch, self.name, chunk, results, self.clock()))
            if chunk.last:
                return
        await self.hand_back()

    async def _may_go_on(self, batch: Batch) -> bool:
        """Alerts overtake: between two chunks, an ordinary batch gives way to them."""
        if self.stopping:
            return False
        return batch.urgent or not await self.call(lambda: urgent_waiting(self.clock()))

    async def _messages(self, broadcast: Broadcast, chunk: Sequence[Parcel]) -> dict[str, Message]:
        """The broadcast in each language that the parcels need."""
        languages = {parcel.language for parcel in chunk}
        now = self.clock()
        return await self.call(
            lambda: {language: compose(broadcast, language, now) for language in languages}
        )

    async def _send(
        self, entry: Entry, chunk: Sequence[Parcel], messages: dict[str, Message]
    ) -> list[tuple[Parcel, Result]]:
        transport = self._transport(entry)
        places = asyncio.Semaphore(entry.concurrency)

        async def send(parcel: Parcel) -> tuple[Parcel, Result]:
            if parcel.opened is None:
                return parcel, UNOPENED
            async with places:
                try:
                    return parcel, await transport.send(messages[parcel.language], parcel.opened)
                except Exception:
                    # One address that nobody foresaw does not keep the others waiting.
                    logger.exception("A message to address %s failed by itself", parcel.address_id)
                    return parcel, FAILED

        return list(await asyncio.gather(*(send(parcel) for parcel in chunk)))

    def _transport(self, entry: Entry) -> FanOutTransport:
        if entry.name not in self._transports:
            self._transports[entry.name] = entry.open()
        return self._transports[entry.name]

    async def _retries(self, *, urgent: bool) -> bool:
        rows: list[Retry] = await self.call(lambda: claim_retries(self.clock(), urgent=urgent))
        if not rows:
            return False
        broadcast = rows[0].broadcast
        if not await self.call(lambda: sendable(broadcast, self.clock())):
            await self.call(lambda: drop_retries(broadcast, rows))
            return True
        sent = parcels(rows)
        messages = await self._messages(broadcast, sent)
        results = await self._send(named(broadcast.transport), sent, messages)
        await self.call(lambda: record_retries(broadcast, rows, results, self.clock()))
        return True

    async def _welcomes(self) -> bool:
        rows: list[Welcome] = await self.call(lambda: claim_welcomes(self.clock()))
        by_channel: dict[tuple[int, str], list[Welcome]] = {}
        for row in rows:
            key = (row.address.channel_id, row.address.kind)
            by_channel.setdefault(key, []).append(row)
        for (_, kind), group in by_channel.items():
            await self._welcome(for_address_kind(kind), group)
        return bool(rows)

    async def _welcome(self, entry: Entry, rows: list[Welcome]) -> None:
        sent = parcels(rows)
        channel, now = rows[0].address.follower.channel, self.clock()
        languages = {parcel.language for parcel in sent}
        messages = {language: compose_welcome(channel, language, now) for language in languages}
        results = await self._send(entry, sent, messages)
        await self.call(lambda: record_welcomes(rows, results, self.clock()))
