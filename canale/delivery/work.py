# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The life of one worker process: do what there is to do, sleep until there is more."""

from __future__ import annotations

import asyncio
import logging

from django.db import Error as DatabaseError

from canale.bus.base import Bus
from canale.delivery.hints import SUBJECT
from canale.delivery.queue import release_exited_workers
from canale.delivery.reader import BatchFailed
from canale.delivery.worker import Worker

logger = logging.getLogger(__name__)
# Retries fall due, and hints get lost: look at least so often.
POLL_SECONDS = 1.0


async def work(worker: Worker, bus: Bus, stop: asyncio.Event) -> None:
    """Until `stop` is set: then what is on its way is finished and the rest handed back."""
    hinted = asyncio.Event()

    def hear(subject: str, _: bytes) -> None:
        if subject == SUBJECT:
            hinted.set()
            worker.hint()

    subscription = bus.subscribe(hear)
    await _release_exited_workers(worker)
    try:
        async with asyncio.TaskGroup() as tasks:
            recording = tasks.create_task(worker.run(hinted.set))
            waking = tasks.create_task(_wake_at_stop(stop, hinted))
            while not stop.is_set():
                hinted.clear()
                if not await _take(worker):
                    await _sleep(hinted)
            await worker.finish()
            recording.cancel()
            waking.cancel()
    finally:
        subscription.close()


async def _release_exited_workers(worker: Worker) -> None:
    """Where no site runs, nobody else looks: a worker that is started again after the fall of one
    goes on with what that had in hand."""
    try:
        await worker.call(release_exited_workers)
    except Exception:
        logger.exception("A dead worker's batches were not handed back; their leases will end")


async def _wake_at_stop(stop: asyncio.Event, hinted: asyncio.Event) -> None:
    await stop.wait()
    hinted.set()


async def _take(worker: Worker) -> bool:
    """A database that is locked or away is waited for."""
    try:
        return await worker.take()
    except DatabaseError:
        logger.exception("The database did not answer; trying again")
    except BatchFailed as failure:
        # It stays claimed until its lease ends: others go first.
        logger.exception("%s; it is tried again later", failure, extra=failure.lease.log_fields())
    except Exception:
        # Claimed rows are tried again when their lease ends.
        logger.exception("Retries or welcomes could not be read; they are tried again later")
    return False


async def _sleep(hinted: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await hinted.wait()
    except TimeoutError:
        pass
