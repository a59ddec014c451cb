# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A check that a host's name exists, within a short time."""

from __future__ import annotations

import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong

# A resolver that is down takes ten seconds or more to fail, and a request waits for it.
LOOKUP_TIMEOUT_SECONDS = 2.0
REMEMBERED_SECONDS = 60.0
# Strangers choose the names, so the cache is bounded.
MAX_REMEMBERED = 1_000
# Concurrent lookups: a client that sends thousands of names blocks only this many threads.
MAX_LOOKUPS = 4

# "No such name" and "a name without an address"; any other error may be the resolver's own.
_ABSENT = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def _look_up(host: str) -> None:
    """Resolve a host. Raises OSError."""
    socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)


class HostChecker:
    """Cached lookups by the system's resolver. Thread-safe.

    ``reference`` is a name that surely exists. A resolver that does not find it is broken.
    """

    def __init__(
        self,
        reference: str,
        *,
        look_up: Callable[[str], None] = _look_up,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = LOOKUP_TIMEOUT_SECONDS,
    ) -> None:
        self._reference = reference
        self._look_up = look_up
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._lookups = ThreadPoolExecutor(MAX_LOOKUPS, "dns")
        self._free = threading.Semaphore(MAX_LOOKUPS)
        self._known: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    def is_missing(self, host: str) -> bool:
        """True if there is surely no such name; False also if the lookup takes too long."""
        return self._absent(host) and not self._absent(self._reference, in_doubt=True)

    def was_found(self, host: str) -> bool:
        """True if a recent lookup found the host. Makes no lookup."""
        with self._lock:
            asked_at, absent = self._known.get(host, (float("-inf"), True))
        return not absent and self._clock() - asked_at < REMEMBERED_SECONDS

    def _absent(self, host: str, *, in_doubt: bool = False) -> bool:
        with self._lock:
            asked_at, absent = self._known.get(host, (float("-inf"), in_doubt))
        if self._clock() - asked_at < REMEMBERED_SECONDS:
            return absent
        if not self._free.acquire(blocking=False):
            # Every slot waits for a resolver, perhaps a stranger's: nobody waits behind them.
            return in_doubt
        lookup = self._lookups.submit(self._look_up_and_release, host)
        try:
            lookup.result(self._timeout)
        except TookTooLong:
            # A lookup that has begun continues and keeps its slot.
            if lookup.cancel():
                self._free.release()
            return in_doubt
        except socket.gaierror as error:
            if error.errno not in _ABSENT:
                return in_doubt
            return self._remember(host, absent=True)
        except OSError:
            return in_doubt
        return self._remember(host, absent=False)

    def _look_up_and_release(self, host: str) -> None:
        try:
            self._look_up(host)
        finally:
            self._free.release()

    def _remember(self, host: str, *, absent: bool) -> bool:
        with self._lock:
            self._known[host] = self._clock(), absent
            self._known.move_to_end(host)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return absent
