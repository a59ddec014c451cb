# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Placement and resource use of a measured server process."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from bench.rounds import CannotRunError

SERVER_CORE, CLIENT_CORE = 0, 1


def on_core(core: int, command: Iterable[str | Path]) -> list[str]:
    """Pin the command and its children to one core, if there is more than one."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core % len(cores)]), *map(str, command)]


def keep_on_core(core: int, pid: int) -> None:
    """Pin a running process with its threads and children."""
    cores = sorted(os.sched_getaffinity(0))
    for member in family(pid):
        for task in _tasks(member):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), {cores[core % len(cores)]})


def family(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    pids = [pid]
    for member in pids:
        for task in _tasks(member):
            try:
                pids += [int(child) for child in (task / "children").read_text().split()]
            except FileNotFoundError:
                continue
    return pids


def cpu(*pids: int) -> float:
    """Return the seconds of CPU of all live threads, to the nanosecond (schedstat)."""
    return sum(_ran(task) for pid in pids for task in _tasks(pid)) / 1e9


def _ran(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except FileNotFoundError:
        return 0


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def wait_until_idle(*pids: int, seconds: float = 20) -> None:
    """Wait until they use less than a tenth of a core for half a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = cpu(*pids)
        time.sleep(0.5)
        if cpu(*pids) - before < 0.05:
            return
    raise CannotRunError(f"processes {pids} are not idle after {seconds} s")


def queued(port: int) -> list[int]:
    """Return the kernel's send buffer in bytes of each TCP connection at this local port.

    Connections that the server has closed count too (ss(8), skmem: w).
    """
    sockets = subprocess.run(
        ["ss", "--tcp", "--all", "--memory", "--numeric", "--no-header", f"sport = :{port}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(size) for size in re.findall(r"\bskmem:\(.*?\bw(\d+)", sockets.stdout)]


def memory(*pids: int) -> int:
    """Return the proportional set size in bytes."""
    return sum(_pss(pid) for pid in pids)


def _pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, and after ten seconds SIGKILL."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
