# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The engine of one machine: a pool of worker processes, each replaced when it dies."""

from __future__ import annotations

import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.db import connection

from canale.delivery.queue import hand_back_of_the_dead

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "canale", "worker", "--until-stdin-ends")
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
# A worker that ran this long was well; its end is not the set-up's fault.
WELL_SECONDS = 30.0
# A chunk takes at most two rounds of time-outs; who needs longer is cut off, and the
# sweep hands its batch out again.
PATIENCE_SECONDS = 25.0


class WorkerPool:
    """Keeps so many worker processes alive.

    Each holds the read end of a pipe: when this process is gone, however it went, the pipe
    ends, and the worker stops after the chunk in its hands.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._stopping = False
        self._running: set[asyncio.subprocess.Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._database = ThreadPoolExecutor(1, "worker-pool")

    @property
    def alive(self) -> int:
        return len(self._running)

    def start(self) -> None:
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._size)]

    async def _keep(self) -> None:
        """One place of the pool."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping:
            begun = loop.time()
            try:
                status = await self._run_one()
            except OSError as error:
                # No process or no file may be opened now; later perhaps.
                logger.error("A worker cannot be started: %s", error)
                status = -1
            if self._stopping:  # While it ran, `stop` may have been called.
                return  # type: ignore[unreachable]
            logger.warning("A worker ended with status %s; starting another", status)
            await loop.run_in_executor(self._database, _hand_back)
            long_lived = loop.time() - begun > WELL_SECONDS
            pause = FIRST_PAUSE_SECONDS if long_lived else min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _run_one(self) -> int:
        # In a session of its own, so that Ctrl-C in a terminal stops it through us only.
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        self._running.add(process)
        try:
            return await process.wait()
        finally:
            self._running.discard(process)

    async def stop(self) -> None:
        """Let every worker finish its chunk, then end."""
        self._stopping = True
        running = list(self._running)
        for process in running:
            if process.stdin is not None:
                process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*(process.wait() for process in running))
        except TimeoutError:
            logger.warning("A worker does not end; it is cut off")
            for process in running:
                with suppress(ProcessLookupError):
                    process.kill()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)


def _hand_back() -> None:
    """So that nobody waits for the lease of the dead to end."""
    try:
        hand_back_of_the_dead()
    except Exception:
        logger.exception("A dead worker's batches were not handed back; the scheduler will")
    finally:
        connection.close()
