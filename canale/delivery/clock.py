# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The clock of leases and retries: one for all machines, the database's.

By its own clock, a machine that is an hour ahead takes every batch from those that work on it, and
what it claims or puts off waits for an hour when it is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

logger = logging.getLogger(__name__)

READ_SECONDS = 10.0
# The time in a slower response is too inexact.
SLOW_SECONDS = 1.0


def by_the_databases_clock(moment: datetime) -> datetime:
    """Convert a moment of this machine's clock to the database's. Raises django.db.Error."""
    if connection.vendor != "postgresql":
        return moment
    before = timezone.now()
    theirs = _read()
    return moment + (theirs - before) - (timezone.now() - before) / 2


def _read() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


class DatabaseClock:
    """The time by the database's clock, as last read, and by the monotonic clock since then.

    With SQLite, and until the database was read, it is the machine's clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ahead: float | None = None
        """The database's clock minus the monotonic one."""

    def __call__(self) -> datetime:
        if self._ahead is None:
            return timezone.now()
        return datetime.fromtimestamp(self._ahead + self._monotonic(), UTC)

    def read(self) -> None:
        """Read the database's clock. Raises django.db.Error."""
        if connection.vendor != "postgresql":
            return
        begun = self._monotonic()
        moment = _read()
        took = self._monotonic() - begun
        if took < SLOW_SECONDS or self._ahead is None:
            self._ahead = moment.timestamp() - begun - took / 2

    async def keep(self, call: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """Read it every READ_SECONDS until cancelled; ``call`` runs the query."""
        while True:
            await self.try_to_read(call)
            await asyncio.sleep(READ_SECONDS)

    async def try_to_read(self, call: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        try:
            await call(self.read)
        except DatabaseError as error:
            logger.warning("Cannot read the database's clock: %s", error)
