# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A thread for an event loop's database work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

from django.db import close_old_connections
from prometheus_client import Histogram

from canale.runtime.database_away import outage

T = TypeVar("T")


class DatabaseThread:
    """One thread with one connection, so that calls run in the order in which they were made."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, name)

    async def run(self, work: Callable[[], T], seconds: Histogram | None = None) -> T:
        """Run ``work`` in the thread and return its result; ``seconds`` measures it."""

        def measured() -> T:
            close_old_connections()
            with seconds.time() if seconds is not None else nullcontext():
                done = work()
            outage.answered()
            return done

        return await asyncio.get_running_loop().run_in_executor(self._executor, measured)
