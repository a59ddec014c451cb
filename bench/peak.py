# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""PostgreSQL's memory while a step runs, sampled because the kernel keeps no peak for it."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import process

PAUSE = 0.1


@dataclass
class Peak:
    """Peaks in megabytes: private memory of all backends, and PSS of the whole server."""

    backends: float = 0.0
    server: float = 0.0

    def look(self, postmaster: int) -> None:
        family = process.family(postmaster)
        backends = sum(_own(pid) for pid in family if _is_backend(pid))
        self.backends = max(self.backends, backends / 2**20)
        self.server = max(self.server, process.memory(*family) / 2**20)


@contextlib.contextmanager
def peak_of(postmaster: int) -> Iterator[Peak]:
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(PAUSE):
            peak.look(postmaster)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        over.set()
        watching.join()


def _is_backend(pid: int) -> bool:
    """Recognise a backend by its process title: user, database, client, command."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return False
    return title.startswith("postgres: canale canale ")


def _own(pid: int) -> int:
    """Return the private bytes of a process, without `shared_buffers`."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0
