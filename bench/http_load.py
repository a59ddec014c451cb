# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Many requests over kept connections: wrk, on the load generator's core."""

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
    """Requests a second, latencies in ms, and CPU of the server's processes in µs a request.

    `%d` in `body` becomes digits that no other request has, in this run or another. Raises
    CannotRunError if an answer is not `status`.
    """
    said = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]
    duration = f"{max(1, round(seconds))}s"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}", "-s", str(SCRIPT), *said, url]
    environment = {**os.environ, "METHOD": method, "STATUS": str(status)}
    if body:
        # wrk counts from 1 each time.
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
    found = json.loads(done.stdout.splitlines()[-1])
    if found["wrong"] or found["broken"] or not found["requests"]:
        raise CannotRunError(f"{method} {url} did not answer {status} each time: {found}")
    return {
        "rate": found["requests"] / found["seconds"],
        "cpu": used / found["requests"] * 1e6,
        "p50": found["p50"],
        "p99": found["p99"],
        "bytes": found["bytes"] / found["requests"],
    }
