# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the calls of relays, beside the fan-out: one at a time for each outlet.

Before a call its copy is marked as being sent, and the mark is committed; after it the answer is. A
mark that is found without its worker means that nobody knows whether the far end took the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection

from canale.bus.base import Bus
from canale.delivery.copies import (
    Act,
    Call,
    claim_copy,
    claim_outlets,
    record_receipt,
    record_sighting,
    release_outlets,
)
from canale.delivery.outlets import open_client
from canale.delivery.plan import SUBJECT
from canale.delivery.reasons import OUR_ERROR
from canale.delivery.transports.base import Outcome, Result
from canale.delivery.transports.relays import Receipt, RelayTransport, Sighting
from canale.metrics.definitions import COPIES
from canale.runtime.database_thread import DatabaseThread
from canale.runtime.events import wait_at_most

logger = logging.getLogger(__name__)

# Retries fall due, and hints get lost.
POLL_SECONDS = 1.0
DATABASE_PAUSE_SECONDS = 0.5
# Limit of a whole call, which may be several requests. An outlet's lease is longer.
CALL_SECONDS = 40.0
# At shutdown: calls not answered by then are unknown.
GRACE_SECONDS = 10.0

NO_ANSWER = Receipt(Result(Outcome.UNKNOWN, None, "no answer in time"))
FAILED = Receipt(Result(Outcome.UNKNOWN, None, OUR_ERROR))


class RelayRunner:
    """One per worker process; its database calls run in one thread, its requests on the loop."""

    def __init__(self, worker: str, clock: Callable[[], datetime]) -> None:
        """``worker`` is the name under which outlets are leased: whoever finds that this worker has
        exited releases them."""
        self._worker = worker
        self._clock = clock
        self._database = DatabaseThread("relay-database")
        self._client = open_client()
        self._serving: dict[int, asyncio.Task[None]] = {}
        self._wakeup = asyncio.Event()
        self._stopping = False

    async def run(self, bus: Bus) -> None:
        """Serve outlets until `stop` is called, then wait for calls in flight."""
        subscription = bus.subscribe({SUBJECT: lambda _: self._wakeup.set()})
        try:
            # Leased by this worker when it was last killed.
            await self._release()
            while not self._stopping:
                self._wakeup.clear()
                await self._serve_due()
                await wait_at_most(self._wakeup, POLL_SECONDS)
        finally:
            subscription.close()
            serving = list(self._serving.values())
            if serving:
                await asyncio.wait(serving, timeout=GRACE_SECONDS)
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await self._release()
            # Looked up in the thread: each has a connection of its own.
            await self._database.run(lambda: connection.close())  # noqa: PLW0108
            await self._client.close()

    def stop(self) -> None:
        """End `run`. Called on the event loop."""
        self._stopping = True
        self._wakeup.set()

    async def _serve_due(self) -> None:
        def served(outlet_id: int, task: asyncio.Task[None]) -> None:
            if self._serving.get(outlet_id) is task:
                del self._serving[outlet_id]
            if not task.cancelled() and (error := task.exception()) is not None:
                fields = {"outlet": outlet_id}
                logger.error("Serving an outlet failed", exc_info=error, extra=fields)

        try:
            outlets = await self._database.run(lambda: claim_outlets(self._worker, self._clock()))
        except Exception:
            # A database that is locked or away is waited for.
            logger.exception("Copies could not be read; trying again")
            return
        for outlet_id in outlets:
            task = asyncio.create_task(self._serve(outlet_id))
            self._serving[outlet_id] = task
            task.add_done_callback(partial(served, outlet_id))

    async def _serve(self, outlet_id: int) -> None:
        """Make the outlet's calls, one after another, until none is due."""
        try:
            while not self._stopping:
                call = await self._database.run(
                    lambda: claim_copy(outlet_id, self._worker, self._clock())
                )
                if call is None:
                    break
                await self._make(call)
        except DatabaseError:
            logger.exception("Copies could not be read; trying again", extra={"outlet": outlet_id})
        finally:
            await self._release(outlet_id)

    async def _make(self, call: Call) -> None:
        """Make one call, and record its answer."""
        relay: RelayTransport[Any] = call.spec.open(call.setup, self._client)
        receipt, sighting = FAILED, Sighting.UNKNOWN
        try:
            async with asyncio.timeout(CALL_SECONDS):
                match call.act:
                    case Act.LOOK:
                        sighting = await relay.look(call.held, call.rendition)
                    case Act.PUBLISH:
                        receipt = await relay.publish(call.rendition, call.key)
                    case Act.CORRECT:
                        receipt = await relay.correct(call.held, call.rendition, call.key)
                    case Act.WITHDRAW:
                        receipt = await relay.withdraw(call.held, call.rendition, call.key)
        except TimeoutError:
            receipt = NO_ANSWER
        except Exception:
            logger.exception("Unexpected error in a relay's call", extra=call.log_fields())
        if call.act is Act.LOOK:
            await self._record(lambda: record_sighting(call, sighting, self._clock()))
            return
        COPIES.labels(call.spec.name, receipt.result.outcome).inc()
        await self._record(lambda: record_receipt(call, receipt, self._clock()))

    async def _record(self, work: Callable[[], None]) -> None:
        """Wait for a database that is locked or away: only this process has the answer."""
        while True:
            try:
                return await self._database.run(work)
            except DatabaseError:
                logger.exception("The database did not record an answer; trying again")
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)

    async def _release(self, outlet_id: int | None = None) -> None:
        try:
            await self._database.run(lambda: release_outlets(self._worker, outlet_id))
        except DatabaseError as error:
            # The lease ends, or somebody finds that this worker has exited.
            logger.warning("Outlets were not released: %s", error)
