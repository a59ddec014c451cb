# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rate of API calls that are acknowledged after their commit."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import process
from bench.city import City
from bench.http_load import load
from bench.part import Column, Row, Table
from bench.rounds import Measured, Measurement, interleaved

CONNECTIONS = (1, 32, 256)
QUICK_CONNECTIONS = (1, 32)
SECONDS, QUICK_SECONDS = 5, 1
HEADERS = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
COLUMNS = (
    Column("rate", "acknowledged/s"),
    Column("cpu", "server CPU µs each"),
    Column("p50", "p50 ms", 1),
    Column("p99", "p99 ms", 1),
)


@dataclass(frozen=True)
class Call:
    """A JSON call without a cookie, so that each comes from a new reader."""

    method: str
    path: str
    body: str
    status: int


def in_turns(city: City, call: Call, rounds: int, quick: bool) -> Measured:
    """Measure the call at an increasing number of keep-alive connections."""
    contenders: dict[str, Callable[[], Measurement]] = {
        f"{count} connection{'' if count == 1 else 's'}": partial(_load, city, call, count, quick)
        for count in (QUICK_CONNECTIONS if quick else CONNECTIONS)
    }
    # Warm up: the first call after a start builds the API's schemas.
    _ask(_url(city, call), call)
    process.wait_until_idle(*city.pids)
    return interleaved(contenders, rounds)


def _ask(url: str, call: Call) -> None:
    body = call.body.replace("%d", "0").encode()
    request = urllib.request.Request(url, body, HEADERS, method=call.method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def _url(city: City, call: Call) -> str:
    return f"http://127.0.0.1:{city.site.port}/api/v1{call.path}"


def _load(city: City, call: Call, connections: int, quick: bool) -> Measurement:
    return load(
        _url(city, call),
        city.pids,
        connections=connections,
        seconds=QUICK_SECONDS if quick else SECONDS,
        headers=HEADERS,
        method=call.method,
        body=call.body,
        status=call.status,
    )


def table(title: str, measured: Measured) -> Table:
    return Table(title, COLUMNS, [Row(name, values) for name, values in measured.items()])


def best(measured: Measured) -> list[float]:
    """Return the rates at the number of connections with the highest median."""
    rows = [values["rate"] for values in measured.values()]
    return max(rows, key=lambda rates: sorted(rates)[len(rates) // 2])
