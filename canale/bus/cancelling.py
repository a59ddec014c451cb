# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Work that ends when it is cancelled, though what it calls swallows cancellations.

`asyncio.wait_for` of Python 3.11 swallows one that comes in the moment in which what it waits for
is done (https://github.com/python/cpython/issues/86296), and nats-py is full of it and swallows
more of them itself. A loop around it would go on for ever, and its process would not end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")
# Longer than a connection may take to close.
INSIST_SECONDS = 1.5
# What swallows so many cancellations perhaps never ends, and somebody should know of it.
SAID_AFTER = 4

logger = logging.getLogger(__name__)


async def ends_when_cancelled(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What ``work()`` returns or raises. When this is cancelled, that is, until it has ended.

    What it raises then is left to asyncio's log.
    """
    task = asyncio.create_task(work())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        for times in count(1):
            task.cancel()
            # Whoever cancels again is not quicker done.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=INSIST_SECONDS)
            if task.done():
                break
            if times == SAID_AFTER:
                logger.warning("%s does not end, though it was told to", task.get_coro())
        raise
