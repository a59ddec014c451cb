# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reliable cancellation of code that swallows CancelledError.

`asyncio.wait_for` of Python 3.11 swallows a cancellation that arrives at the moment in which its
awaitable completes (https://github.com/python/cpython/issues/86296). nats-py uses it everywhere,
and swallows more of them itself. A loop around it would never end, and neither would its process:
without this module, tests/units/test_nats_connection.py waits in vain for cancelled connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")
# Cancel again after this time; longer than a connection may take to close.
RETRY_SECONDS = 1.5
# Work that swallows this many cancellations may never end: log it.
CANCELLATIONS_BEFORE_WARNING = 4

logger = logging.getLogger(__name__)


async def cancel_until_done(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Await ``work()``. On cancellation, cancel it again and again until it has ended.

    An exception that it raises after that goes to asyncio's log.
    """
    task = asyncio.create_task(work())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        for times in count(1):
            task.cancel()
            # Further cancellations of the caller do not speed this up.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=RETRY_SECONDS)
            if task.done():
                break
            if times == CANCELLATIONS_BEFORE_WARNING:
                logger.warning("%s still running after %d cancellations", task.get_coro(), times)
        raise
