# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small HTTP server for `/metrics` alone, in a process that has no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from canale.metrics.endpoint import MetricsEndpoint

CLIENTS = 20


class Listener(uvicorn.Server):
    """A uvicorn server that leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """Bind the port, which several of our processes may share. Raises OSError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, reuse_port=True)


@asynccontextmanager
async def listening(listener: socket.socket, page: MetricsEndpoint) -> AsyncIterator[None]:
    """Answer while the block runs."""
    # Not behind a proxy: trust the peer's address.
    config = uvicorn.Config(
        page,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CLIENTS,
        timeout_keep_alive=5,
    )
    server = Listener(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
