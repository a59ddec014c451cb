# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`canale worker`, in a process of its own."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from canale.delivery.worker_slot import FOLDER


def start_worker(
    environment: Mapping[str, str], log: Path, *, inside: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """``inside``: the command that puts it on a machine of its own."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [*inside, sys.executable, "-m", "canale", "worker"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


def workers_up(environment: Mapping[str, str]) -> set[tuple[str, str]]:
    """This data folder's worker processes that run: slot, and id in the process's own namespace."""
    slots = (Path(environment["CANALE_DATA"]) / FOLDER).glob("*")
    return {(path.name, path.read_text()[13:].strip()) for path in slots if is_held(path)}


def is_held(slot: Path) -> bool:
    with slot.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def worker_node(
    environment: Mapping[str, str], log: Path, *, inside: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker node within the block; it is killed at the end if it still runs."""
    process = start_worker(environment, log, inside=inside)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
