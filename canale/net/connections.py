# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many connections may wait for the rest of a request (docs/decisions/0045).

Nobody is refused: the connection that has waited longest gives its place to the newest. A phone
sends its request within a second or two of connecting, so a whole town behind one address passes;
a client that opens connections to hold them holds only the newest.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from canale.net.rate_limits import network_of

# Connections of one network address with an incomplete request, or with none yet.
MAX_UNFINISHED = 512
# A connection is never closed sooner than this: many may be accepted before the first is read.
GRACE_SECONDS = 2.0
# All connections, idle ones included; each takes a file descriptor and some 20 KB.
MAX_CONNECTIONS = 10_000


class Open(Protocol):
    """A connection of the HTTP server."""

    def is_busy(self) -> bool:
        """True while a request is being answered on it."""

    def give_way(self) -> None:
        """Close; where it is still possible, say why to the client."""


class Connections:
    """All connections of one process. Used on the event loop's thread."""

    def __init__(
        self,
        most: int = MAX_CONNECTIONS,
        most_unfinished: int = MAX_UNFINISHED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._most = most
        self._most_unfinished = min(most_unfinished, max(1, most // 2))
        self._open: OrderedDict[Open, None] = OrderedDict()
        """In the order of their last requests, the oldest first."""
        self._waiting: dict[Open, str] = {}
        self._of_client: dict[str, OrderedDict[Open, float]] = {}
        """Since when each waits, the oldest first."""

    def opened(self, connection: Open) -> None:
        """Count a connection. If there are too many, close the one that was used least recently.

        One that is being answered is kept; if all are, one goes whose body does not come.
        """
        self._open[connection] = None
        if len(self._open) <= self._most:
            return
        unfinished = None
        for oldest in list(islice(self._open, 100)):
            if not oldest.is_busy():
                self._close(oldest)
                return
            if unfinished is None and oldest in self._waiting:
                unfinished = oldest
            self._open.move_to_end(oldest)
        if unfinished is not None:
            self._close(unfinished)

    def used(self, connection: Open) -> None:
        """Record that a request on the connection is complete."""
        if connection in self._open:
            self._open.move_to_end(connection)
        self._end_waiting(connection)

    def waits(self, connection: Open, address: str) -> None:
        """Record an incomplete or not yet begun request; ``address`` is the client's."""
        if connection not in self._open or connection in self._waiting:
            return
        client = network_of(address)
        others = self._of_client.setdefault(client, OrderedDict())
        now = others[connection] = self._clock()
        self._waiting[connection] = client
        # Close two per call, so that the excess of a burst is worked off.
        for oldest, since in list(islice(others.items(), 2)):
            if len(others) > self._most_unfinished and since + GRACE_SECONDS <= now:
                self._close(oldest)

    def closed(self, connection: Open) -> None:
        """Forget a connection; also called for one that became a stream."""
        self._open.pop(connection, None)
        self._end_waiting(connection)

    def _end_waiting(self, connection: Open) -> None:
        client = self._waiting.pop(connection, None)
        if client is None:
            return
        others = self._of_client[client]
        del others[connection]
        if not others:
            del self._of_client[client]

    def _close(self, connection: Open) -> None:
        self.closed(connection)
        connection.give_way()
