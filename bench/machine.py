# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The machine and the versions that the benchmark ran on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path


def description() -> dict[str, str]:
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "?",
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "commit": _commit(),
    }


def _processor() -> str:
    match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return match[1].strip() if match else platform.machine()


def _commit() -> str:
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return git.stdout.strip() or "unknown"


def python_versions(*names: str) -> dict[str, str]:
    """Return the versions of packages in this environment."""
    return {name: metadata.version(name) for name in names}


def debian_versions(*names: str) -> dict[str, str]:
    """Return the versions of those Debian packages that are installed."""
    query = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package}\t${Version}\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split("\t") for line in query.stdout.splitlines()]
    return {name: version for name, version in lines if version}
