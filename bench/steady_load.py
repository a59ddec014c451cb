# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An open-loop load: requests at a steady rate, however long the responses take."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from bench.rounds import CannotRunError

CONNECTIONS = 32


@dataclass(frozen=True)
class Stream:
    """One kind of request, `rate` per second, over CONNECTIONS keep-alive connections."""

    rate: float
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


def send(port: int, streams: Mapping[str, Stream], seconds: float) -> dict[str, list[float]]:
    """Return the latencies of each stream in ms, counted from when a request was due.

    Time spent waiting behind a slow response therefore counts. Raises CannotRunError unless every
    response is 200."""
    start = time.perf_counter() + 0.1
    with ThreadPoolExecutor(CONNECTIONS * len(streams)) as threads:
        running = {
            name: [
                threads.submit(partial(_send_share, port, stream, start, seconds, number))
                for number in range(CONNECTIONS)
            ]
            for name, stream in streams.items()
        }
        return {
            name: [latency for share in shares for latency in share.result()]
            for name, shares in running.items()
        }


def _send_share(
    port: int, stream: Stream, start: float, seconds: float, number: int
) -> list[float]:
    """Send every CONNECTIONS-th request of the stream over one connection."""
    latencies = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as server:
        for request in range(number, round(stream.rate * seconds), CONNECTIONS):
            due = start + request / stream.rate
            time.sleep(max(0.0, due - time.perf_counter()))
            body = None if stream.body is None else stream.body.encode()
            server.request(stream.method, stream.path, body, dict(stream.headers))
            response = server.getresponse()
            response.read()
            if response.status != 200:
                raise CannotRunError(f"{stream.method} {stream.path} responded {response.status}")
            latencies.append((time.perf_counter() - due) * 1e3)
    return latencies
