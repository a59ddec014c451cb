# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""That a worker lives: it holds the lock of a file of its own in the data folder.

The kernel gives the lock back however the worker ends, and shows it to every process that has the
folder, whatever else is hidden from them. Who has another folder sees no sign, and waits for the
worker's lease to end (docs/decisions/0026).
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

from canale.runtime.file_locks import lock

logger = logging.getLogger(__name__)

FOLDER = "workers"
# A name has 40 characters in the table: 12, @, the host, a dot, 8.
HOST_CHARACTERS = 18
# Of one machine alone. Over a network a lock may be seen by its own machine only (nfs(5),
# local_lock), or be lost while its holder lives.
LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)


class SignOfLife:
    """One per worker process, as long as it lives. `name` is the worker's."""

    def __init__(self, data: Path) -> None:
        self.name = _new_name()
        self._file: FileIO | None = None
        try:
            folder = data / FOLDER
            folder.mkdir(mode=0o700, exist_ok=True)
            if is_local(folder):
                self._file = _hold_new_file(folder)
                self.name = _worker_of(self._file)
        except OSError as error:
            logger.warning(
                "This worker's end will be noticed by its leases alone: %s cannot be used (%s)",
                data / FOLDER,
                error,
            )

    def end(self) -> None:
        """Nothing is this worker's any more."""
        if self._file is not None:
            Path(self._file.name).unlink(missing_ok=True)
            self._file.close()
            self._file = None


def _new_name() -> str:
    """Nobody else's; the host is there for who reads the table."""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)
    return f"{secrets.token_hex(6)}@{host[:HOST_CHARACTERS]}"


def _hold_new_file(folder: Path) -> FileIO:
    while True:
        file = lock(folder / _new_name(), "xb")
        # Between the making and the locking, `ended` may have taken it for a dead worker's.
        if file is not None and _stat(file).st_nlink:
            return file


def _worker_of(file: FileIO) -> str:
    """With the number of the file in its file system: a copy of the folder names nobody."""
    return f"{Path(file.name).name}.{_stat(file).st_ino & 0xFFFFFFFF:08x}"


def ended(data: Path) -> Iterator[str]:
    """Names of this folder's workers that ended without a word.

    The sign of each is held, so that nobody else is told of it meanwhile, and deleted when the
    next one is asked for.
    """
    folder = data / FOLDER
    if not folder.is_dir() or not is_local(folder):
        return
    for path in folder.iterdir():
        file = _free(path)
        if file is None:
            continue
        with file:
            if _is_of_this_boot(file):
                yield _worker_of(file)
            # What cannot be deleted now is found again.
            with suppress(OSError):
                path.unlink()


def _free(path: Path) -> FileIO | None:
    try:
        return lock(path, "r+b")
    except OSError:
        # Another has deleted it, or may alone open it: nothing is known of that worker.
        return None


def _is_of_this_boot(file: FileIO) -> bool:
    """Else its leases ended while the machine started; and a machine may have been cloned with its
    disk, while the original's workers live on."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return _stat(file).st_mtime > booted


def _stat(file: FileIO) -> os.stat_result:
    return os.fstat(file.fileno())


def is_local(folder: Path) -> bool:
    """Whether the folder's file system is known to be this machine's alone."""
    try:
        mounts = os.fsdecode(Path("/proc/self/mountinfo").read_bytes())
    except OSError:
        return False
    return file_system(folder.resolve(), mounts) in LOCAL


def file_system(path: Path, mounts: str) -> str:
    """Of the innermost mount that holds the path, the last where several lie upon one another
    (proc(5), mountinfo); "" if there is none."""
    found, kind = Path("/"), ""
    for line in mounts.splitlines():
        where, _, what = line.partition(" - ")
        point = Path(_unescaped(where.split()[4]))
        if path.is_relative_to(point) and point.is_relative_to(found):
            found, kind = point, what.split()[0]
    return kind


def _unescaped(field: str) -> str:
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), field)
