# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts what a site's processes write to the disk for good, as the kernel sees it (strace)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tests.site import Site

CALLS = "fsync,fdatasync"


@cache
def can_trace() -> bool:
    """False where strace is missing, or containers may not trace."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-D", "true"], capture_output=True, check=False)
    return tried.returncode == 0


class Syncs:
    """Every fsync and fdatasync of what ``site`` starts from now on.

    strace lets a process go on only after it has written the call down: what a client was answered
    is counted by then.
    """

    def __init__(self, site: Site) -> None:
        self._file = site.folder / "syncs"
        self._file.touch()
        site.tracer = [
            "strace", "-D", "--follow-forks", "--seccomp-bpf", "--quiet=all", "-y",
            f"--trace={CALLS}", "--signal=none", "--output-append-mode",
            "--output", str(self._file),
        ]  # fmt: skip

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Collects, by its end, the path of each call."""
        before = len(self._paths())
        paths: list[str] = []
        yield paths
        paths += self._paths()[before:]

    def _paths(self) -> list[str]:
        """Return the paths of calls that returned 0. strace writes a call that another thread's
        interrupts as two lines: the path in the first, the result in the second."""
        begun: dict[str, str] = {}
        returned = []
        for line in self._file.read_text().splitlines():
            thread, _, call = line.partition(" ")
            if "sync(" in call:
                begun[thread] = call.partition("<")[2].partition(">")[0]
            if call.endswith(" = 0") and thread in begun:
                returned.append(begun.pop(thread))
        return returned
