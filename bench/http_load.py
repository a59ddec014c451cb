# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""HTTP load over keep-alive connections: wrk, on the load generator's core."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from bench import process
from bench.rounds import CannotRunError, Measurement

SCRIPT = Path(__file__).parent / "wrk" / "load.lua"


def load(
    url: str,
    pids: list[int],
    *,
    connections: int,
    seconds: float,
    headers: Mapping[str, str],
    method: str = "GET",
    body: str = "",
    status: int = 200,
) -> Measurement:
    """Measure requests per second, latencies in ms, and the server's CPU in µs per request.

    `%d` in `body` becomes digits that no other request has, in this run or another. Raises
    CannotRunError if a response does not have `status`.
    """
    options = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]
    duration = f"{max(1, round(seconds))}s"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}", "-s", str(SCRIPT), *options, url]
    environment = {**os.environ, "METHOD": method, "STATUS": str(status)}
    if body:
        # wrk counts from 1 in each run.
        environment["BODY"] = body.replace("%d", f"{time.time_ns()}%d")
    before = process.cpu(*pids)
    done = subprocess.run(
        process.on_core(process.CLIENT_CORE, command),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    used = process.cpu(*pids) - before
    result = json.loads(done.stdout.splitlines()[-1])
    if result["wrong"] or result["broken"] or not result["requests"]:
        raise CannotRunError(f"{method} {url} did not respond {status} each time: {result}")
    return {
        "rate": result["requests"] / result["seconds"],
        "cpu": used / result["requests"] * 1e6,
        "p50": result["p50"],
        "p99": result["p99"],
        "bytes": result["bytes"] / result["requests"],
    }
