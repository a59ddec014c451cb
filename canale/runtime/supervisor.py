# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A supervisor that keeps N processes of one command running, and stops them when it exits."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

logger = logging.getLogger(__name__)

INITIAL_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 10.0
# After this uptime the pause before a restart starts from INITIAL_PAUSE_SECONDS.
STABLE_SECONDS = 30.0


def canale(*arguments: str) -> tuple[str, ...]:
    """Return one of canale's own commands, run by this process's Python."""
    return (sys.executable, "-m", "canale", *arguments)


class Supervisor:
    """Keep ``size`` processes running; restart each that exits.

    Each process has the read end of a pipe as its standard input: when this process exits for
    whatever reason, the pipe is closed, and the other stops on its own. ``patience`` is how many
    seconds it has for that before `stop` kills it; ``after_exit`` is called in a thread with the
    id of each process that exited without being asked to, and must not raise.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        size: int,
        *,
        patience: float,
        after_exit: Callable[[int], None] | None = None,
    ) -> None:
        self.size = size
        self._name = name
        self._command = command
        self._patience = patience
        self._after_exit = after_exit
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
        """Keep one process running."""
        loop = asyncio.get_running_loop()
        pause = INITIAL_PAUSE_SECONDS
        while not self._stopping:
            begun = loop.time()
            try:
                process = await self._run_one()
            except OSError as error:
                # A limit of processes or files is reached; retry later.
                logger.error("Cannot start %s: %s", self._name, error)
                process = None
            if self._stopping:  # Set by `request_stop` while the process ran.
                return  # type: ignore[unreachable]
            if process is not None:
                status = process.returncode
                logger.warning("%s exited with status %s; restarting", self._name, status)
                if self._after_exit is not None:
                    await loop.run_in_executor(self._thread, self._after_exit, process.pid)
            stable = loop.time() - begun > STABLE_SECONDS
            pause = INITIAL_PAUSE_SECONDS if stable else min(pause * 2, MAX_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _run_one(self) -> asyncio.subprocess.Process:
        """Run a process until it exits."""
        # In a session of its own, so that Ctrl-C in a terminal stops it through us only.
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        self._running.add(process)
        if self._stopping and process.stdin is not None:
            # It was being started while the others were asked to stop.
            process.stdin.close()
        try:
            await process.wait()
            return process
        finally:
            self._running.discard(process)

    def request_stop(self) -> None:
        """Ask each process to finish its work and exit; `stop` waits for them."""
        self._stopping = True
        for process in self._running:
            if process.stdin is not None:
                process.stdin.close()

    async def stop(self) -> None:
        """Wait until all processes have exited, or kill them."""
        self.request_stop()
        running = list(self._running)
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.gather(*(process.wait() for process in running))
        except TimeoutError:
            logger.warning("%s did not stop within %s s; killing it", self._name, self._patience)
            for process in running:
                with suppress(ProcessLookupError):
                    process.kill()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)


def on_stdin_eof(act: Callable[[], None]) -> None:
    """In a supervised process: call ``act`` on the running loop when the supervisor is gone."""
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def read() -> None:
        with suppress(BlockingIOError):
            if not os.read(stdin, 1024):
                loop.remove_reader(stdin)
                act()

    loop.add_reader(stdin, read)
