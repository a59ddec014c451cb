# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waiting for an asyncio event that may never be set."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after this time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
