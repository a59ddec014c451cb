# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`canale worker`, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from canale.delivery.liveness import FOLDER


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


def workers_up(environment: Mapping[str, str]) -> int:
    """How many workers of this data folder have begun; they end politely when told to stop. One
    that was killed is counted until its end is noticed."""
    return len(list((Path(environment["CANALE_DATA"]) / FOLDER).glob("*")))


@contextmanager
def worker_node(
    environment: Mapping[str, str], log: Path, *, inside: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """What still runs at the end is killed."""
    process = start_worker(environment, log, inside=inside)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
