# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keeps so many processes of one command alive, and ends them with the one that started them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
# A process that ran this long was well; its end is not the set-up's fault.
WELL_SECONDS = 30.0


def canale(*arguments: str) -> tuple[str, ...]:
    """One of canale's own commands, run by this process's Python."""
    return (sys.executable, "-m", "canale", *arguments)


class KeptProcesses:
    """Keeps ``size`` processes alive, each replaced when it dies.

    Each holds the read end of a pipe as its standard input: when this process is gone, however it
    went, the pipe ends, and the other stops by itself. ``patience`` is how many seconds it has
    for that before `stop` cuts it off; ``after_death`` is called in a thread for each that ended
    without having been told, and must not raise.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        size: int,
        *,
        patience: float,
        after_death: Callable[[], None] | None = None,
    ) -> None:
        self.size = size
        self._name = name
        self._command = command
        self._patience = patience
        self._after_death = after_death
        self._stopping = False
        self._running: set[asyncio.subprocess.Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._thread = ThreadPoolExecutor(1, f"after-{name}")

    @property
    def alive(self) -> int:
        return len(self._running)

    def start(self) -> None:
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self.size)]

    async def _keep(self) -> None:
        """One place among them."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping:
            begun = loop.time()
            try:
                status = await self._run_one()
            except OSError as error:
                # No process or no file may be opened now; later perhaps.
                logger.error("A %s cannot be started: %s", self._name, error)
                status = -1
            if self._stopping:  # While it ran, `stop` may have been called.
                return  # type: ignore[unreachable]
            logger.warning("A %s ended with status %s; starting another", self._name, status)
            if self._after_death is not None:
                await loop.run_in_executor(self._thread, self._after_death)
            long_lived = loop.time() - begun > WELL_SECONDS
            pause = FIRST_PAUSE_SECONDS if long_lived else min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _run_one(self) -> int:
        # In a session of its own, so that Ctrl-C in a terminal stops it through us only.
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        self._running.add(process)
        if self._stopping and process.stdin is not None:
            # It was being started while the others were told.
            process.stdin.close()
        try:
            return await process.wait()
        finally:
            self._running.discard(process)

    def tell_to_stop(self) -> None:
        """Let each finish what is in its hands; `stop` waits for them."""
        self._stopping = True
        for process in self._running:
            if process.stdin is not None:
                process.stdin.close()

    async def stop(self) -> None:
        """Until all have ended, or were cut off."""
        self.tell_to_stop()
        running = list(self._running)
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.gather(*(process.wait() for process in running))
        except TimeoutError:
            logger.warning("A %s does not end; it is cut off", self._name)
            for process in running:
                with suppress(ProcessLookupError):
                    process.kill()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)


def when_stdin_ends(act: Callable[[], None]) -> None:
    """In a kept process: call ``act`` on the running loop when whoever started it is gone."""
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def read() -> None:
        with suppress(BlockingIOError):
            if not os.read(stdin, 1024):
                loop.remove_reader(stdin)
                act()

    loop.add_reader(stdin, read)
