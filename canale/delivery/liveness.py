# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each worker holds the lock of a file of its own in the data folder while it runs.

The kernel releases the lock however the worker exits, and every process that has the folder sees
it, also from another container. A process with another folder waits for the worker's leases to
end (docs/decisions/0026).
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


class WorkerLock:
    """The lock of one worker process; `name` is the worker's."""

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
                "Cannot use %s: this worker's exit will show only when its leases end (%s)",
                data / FOLDER,
                error,
            )

    def release(self) -> None:
        """Delete the file: this worker has no leases any more."""
        if self._file is not None:
            Path(self._file.name).unlink(missing_ok=True)
            self._file.close()
            self._file = None


def _new_name() -> str:
    """A unique name; the host is for people who read the table."""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)
    return f"{secrets.token_hex(6)}@{host[:HOST_CHARACTERS]}"


def _hold_new_file(folder: Path) -> FileIO:
    while True:
        file = lock(folder / _new_name(), "xb")
        # Before it was locked, `exited_workers` may have taken it for an exited worker's.
        if file is not None and _stat(file).st_nlink:
            return file


def _worker_of(file: FileIO) -> str:
    """With the file's inode number, so that a copy of the folder names no worker."""
    return f"{Path(file.name).name}.{_stat(file).st_ino & 0xFFFFFFFF:08x}"


def exited_workers(data: Path) -> Iterator[str]:
    """Names of this folder's workers that exited without releasing their lock.

    The file of each stays locked, so that no other process gets the name, until the next one is
    asked for; then it is deleted.
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
            # A file that cannot be deleted now is found again.
            with suppress(OSError):
                path.unlink()


def _free(path: Path) -> FileIO | None:
    try:
        return lock(path, "r+b")
    except OSError:
        # Another process has deleted it, or this one may not open it: the worker may be running.
        return None


def _is_of_this_boot(file: FileIO) -> bool:
    """Leases of an earlier boot ended while the machine started. And a machine may have been cloned
    with its disk, while the original's workers are still running."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return _stat(file).st_mtime > booted


def _stat(file: FileIO) -> os.stat_result:
    return os.fstat(file.fileno())


def is_local(folder: Path) -> bool:
    """True if the folder's file system is known to be used by this machine alone."""
    try:
        mounts = os.fsdecode(Path("/proc/self/mountinfo").read_bytes())
    except OSError:
        return False
    return file_system(folder.resolve(), mounts) in LOCAL


def file_system(path: Path, mounts: str) -> str:
    """The type of the innermost mount that holds the path, the last of several on one point
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
