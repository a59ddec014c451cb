# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Group commit: many small writes performed together in one transaction.

A commit costs the database as much for one row as for hundreds, and SQLite has one writer. Writes
that arrive while a group is being committed form the next; no write waits for a group to fill.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

logger = logging.getLogger(__name__)
Act = TypeVar("Act")
Result = TypeVar("Result")

MAX_GROUP_SIZE = 500
# A failure after this time was a lock's time-out, and is not retried.
RETRY_WITHIN_SECONDS = 5.0


class GroupCommit(Generic[Act, Result]):
    """Perform acts in groups. Used on one event loop's thread.

    ``perform`` receives acts in the order of their arrival, performs all of them in one transaction
    or none, and returns a result for each. It is called in a thread, one group at a time.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Sequence[Act]], Sequence[Result]],
        most: int = MAX_GROUP_SIZE,
    ) -> None:
        self._perform = perform
        self._most = most
        self._waiting: list[tuple[Act, asyncio.Future[Result]]] = []
        self._working = False
        self._thread = ThreadPoolExecutor(1, name)

    async def do(self, act: Act) -> Result:
        """Return the act's result once it is committed. Raises what performing it alone raises."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((act, done))
        if not self._working:
            self._start()
        return await done

    def _start(self) -> None:
        group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._working = True
        loop = asyncio.get_running_loop()
        acts = [act for act, _ in group]
        work = loop.run_in_executor(self._thread, self._outcomes, acts)

        def settle(work: asyncio.Future[list[Result | Exception]]) -> None:
            self._working = False
            if self._waiting:
                self._start()
            for (_, done), outcome in zip(group, work.result(), strict=True):
                if done.done():
                    continue  # The caller was cancelled.
                if isinstance(outcome, Exception):
                    done.set_exception(outcome)
                else:
                    done.set_result(outcome)

        work.add_done_callback(settle)

    def _outcomes(self, acts: Sequence[Act]) -> list[Result | Exception]:
        close_old_connections()
        try:
            return list(self._perform_twice(acts))
        except (InterfaceError, OperationalError) as error:
            # The database is unreachable or locked: single acts would fail, too.
            return [error] * len(acts)
        except Exception as error:
            if len(acts) == 1:
                return [error]
            logger.warning(
                "Group of %d acts failed; performing each alone", len(acts), exc_info=True
            )
        return [outcome for act in acts for outcome in self._outcomes([act])]

    def _perform_twice(self, acts: Sequence[Act]) -> Sequence[Result]:
        """Retry once after a deadlock or a dropped connection, but not after a lock time-out."""
        begun = time.monotonic()
        try:
            return self._perform(acts)
        except (InterfaceError, OperationalError):
            if time.monotonic() - begun > RETRY_WITHIN_SECONDS:
                raise
            logger.warning("Retrying a group of %d acts", len(acts), exc_info=True)
            close_old_connections()
            return self._perform(acts)
