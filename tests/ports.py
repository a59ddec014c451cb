# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ports for servers that are told where to listen."""

from __future__ import annotations

import itertools
import random
import socket
from functools import cache

# Below those that the kernel gives to connections (ip(7), ip_local_port_range), so that none of
# them takes a port between our looking and a server's listening.
FIRST, LAST = 10_000, 32_000
SLICE = 500


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which nothing listens and that no other test process is given."""
    for port in _own_ports():
        try:
            with socket.create_server((host, port)):
                return port
        except OSError:
            continue
    raise AssertionError("cycles end never")


@cache
def _own_ports() -> itertools.cycle[int]:
    """Take a slice that no other test process holds, of this run or of another.

    A socket bound to the slice's first port, for as long as this process runs, is the lock: the
    kernel lets go of it however the process ends.
    """
    for first in range(FIRST, LAST, SLICE):
        lock = socket.socket()
        try:
            lock.bind(("127.0.0.1", first))
        except OSError:
            lock.close()
            continue
        _locks.append(lock)
        ports = range(first + 1, first + SLICE)
        begin = random.randrange(len(ports))
        return itertools.cycle([*ports[begin:], *ports[:begin]])
    raise AssertionError(f"all {(LAST - FIRST) // SLICE} slices of ports are taken")


_locks: list[socket.socket] = []
"""Kept, because a socket that is garbage is closed."""
