# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opens few connections at once to a server of HTTP/1.1, which takes one for each call in flight.

A server accepts connections from a queue that is often short, and its kernel drops those that find
the queue full: each of them then stands still for seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque

MAX_OPENING = 4
# A connection counts as being opened until the first answer, and for this long at most: more are
# opened while a server takes its time to answer.
OPENING_SECONDS = 0.1
# A server closes connections that are idle for this long, or longer.
KEPT_OPEN_SECONDS = 5.0


class Opening:
    """A connection that a call opens."""


class ConnectionPacer:
    """Counts the connections of one client by its calls: reqwest does not tell of them."""

    def __init__(self) -> None:
        self._idle = 0
        self._opening: set[Opening] = set()
        self._ended_at = 0.0
        self._waiting: deque[asyncio.Future[Opening | None]] = deque()

    @property
    def has_room(self) -> bool:
        """True if a call begins without waiting."""
        return not self._waiting and self._has_room

    @property
    def _has_room(self) -> bool:
        return self._idle > 0 or len(self._opening) < MAX_OPENING

    async def begin(self) -> Opening | None:
        """Wait for a connection that is idle (None) or may be opened."""
        if self.has_room:
            return self._take()
        turn: asyncio.Future[Opening | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.end(turn.result(), answered=False)
            raise

    def end(self, opening: Opening | None, *, answered: bool) -> None:
        """Count the end of a call, for which `begin` returned ``opening``."""
        # A connection without an answer is closed.
        self._idle += answered
        self._ended_at = asyncio.get_running_loop().time()
        self._opened(opening)

    def _take(self) -> Opening | None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._ended_at > KEPT_OPEN_SECONDS:
            self._idle = 0
        if self._idle:
            self._idle -= 1
            return None
        opening = Opening()
        self._opening.add(opening)
        loop.call_later(OPENING_SECONDS, self._opened, opening)
        return opening

    def _opened(self, opening: Opening | None) -> None:
        if opening is not None:
            self._opening.discard(opening)
        while self._waiting and self._has_room:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(self._take())
