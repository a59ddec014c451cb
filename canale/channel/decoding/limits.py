# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Limits of a process that reads strangers' files: time, memory, no files to write."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path


def limit(cpu_seconds: int, wall_seconds: int, memory_bytes: int) -> None:
    # Ctrl-C in a terminal reaches every process there; what was uploaded is still answered.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A decoder that hangs ends on its own even if the process that waits for it is gone.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(wall_seconds)
    with suppress(OSError):
        # If memory runs out, the kernel kills this process rather than the service.
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    _lower(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1)
    _lower(resource.RLIMIT_AS, memory_bytes, memory_bytes)
    _lower(resource.RLIMIT_FSIZE, 0, 0)
    _lower(resource.RLIMIT_CORE, 0, 0)
    # The stream and the worker processes come first.
    os.nice(5)


def _lower(limit: int, soft: int, hard: int) -> None:
    """A limit that the service itself has may be lower still."""
    most = resource.getrlimit(limit)[1]
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(limit, (soft, hard))
