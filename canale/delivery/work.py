# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The life of one worker process: do what there is to do, sleep until there is more."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from django.db import Error as DatabaseError

from canale.bus.base import Bus
from canale.delivery.deliver import Deliverer
from canale.delivery.hints import SUBJECT

logger = logging.getLogger(__name__)
# Retries fall due, and hints get lost: look at least so often.
POLL_SECONDS = 1.0


async def work(deliverer: Deliverer, bus: Bus, stop: asyncio.Event) -> None:
    """Until `stop` is set: then the chunk in hand is finished and the rest handed back."""
    hinted = asyncio.Event()
    subscription = bus.subscribe(lambda subject, _: hinted.set() if subject == SUBJECT else None)
    stopped = asyncio.create_task(_stop_when(stop, deliverer, hinted))
    try:
        while not stop.is_set():
            hinted.clear()
            if not await _work_once(deliverer):
                await _sleep(hinted)
    finally:
        stopped.cancel()
        subscription.close()
        await deliverer.close()


async def _stop_when(stop: asyncio.Event, deliverer: Deliverer, hinted: asyncio.Event) -> None:
    await stop.wait()
    deliverer.stopping = True
    hinted.set()


async def _work_once(deliverer: Deliverer) -> bool:
    """A database that is locked or away is waited for."""
    try:
        return await deliverer.work_once()
    except DatabaseError:
        logger.exception("The database did not answer; trying again")
    except Exception:
        # What it had claimed stays claimed until the lease ends: others go first.
        logger.exception("A batch could not be sent; it is tried again when its lease ends")
        return False
    with suppress(DatabaseError):
        await deliverer.hand_back()
    return False


async def _sleep(hinted: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await hinted.wait()
    except TimeoutError:
        pass
