# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ports for servers that are told where to listen."""

from __future__ import annotations

import itertools
import os
import random
import socket

# Below those that the kernel gives to connections (ip(7), ip_local_port_range), so that none of
# them takes a port between our looking and a server's listening.
FIRST, LAST = 10_000, 32_000
SLICES = 16


def _own_ports() -> itertools.cycle[int]:
    """Test processes that run at once have a slice each."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SLICES
    size = (LAST - FIRST) // SLICES
    ports = range(FIRST + number * size, FIRST + (number + 1) * size)
    begin = random.randrange(size)
    return itertools.cycle([*ports[begin:], *ports[:begin]])


_ports = _own_ports()


def free_port(host: str = "127.0.0.1") -> int:
    """Nobody listens there, and this process gives it to nobody else for a long time."""
    for port in _ports:
        try:
            with socket.create_server((host, port)):
                return port
        except OSError:
            continue
    raise AssertionError("cycles end never")
