# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The C programs of bench/c, for measurements that Python is too slow for."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from bench import peers

SOURCES = Path(__file__).parent / "c"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


def built(name: str, *libraries: str) -> Path:
    """Compile bench/c/`name`.c if needed; `libraries` are options such as `-lcrypto`."""
    source = SOURCES / f"{name}.c"
    made_from = "\n".join([source.read_text(), *FLAGS, *libraries])
    program = peers.CACHE / "c" / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}"
    if not program.exists():
        peers.debian("gcc", "libc6-dev")
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", *FLAGS, "-o", program, source, *libraries], check=True)
    return program
