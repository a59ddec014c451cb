# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""File operations that sync contents and names to disk, so that a power cut undoes nothing.

A new name is an entry of its folder, and reaches the disk when the folder is synced; syncing the
file alone does not do it (fsync(2)). File systems without hard links (FAT, much of SMB) do too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

# Errors of fsync(2) on a folder where the file system does not support it.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir() or error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and the parents it lacks, its owner's alone. Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


def link(source: Path, target: Path) -> None:
    """Give a file a second name; where there are no hard links, to a copy of it, its owner's alone.
    Raises FileExistsError if the name is taken."""
    sync(source)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        _copy(source, target)
    sync(target.parent)


def _copy(source: Path, target: Path) -> None:
    """Copy under a temporary name, then rename in one step."""
    part = target.with_name(f".{target.name}-{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        with source.open("rb") as whole, part.open("xb") as copy:
            part.chmod(0o600)
            shutil.copyfileobj(whole, copy, 2**20)
        sync(part)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            # One process at a time, if the file system has locks.
            with suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            part.replace(target)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Rename a file over the target."""
    sync(source)
    source.replace(target)
    sync(target.parent)
    if source.parent != target.parent:
        sync(source.parent)


def remove(path: Path, *, missing_ok: bool = False) -> None:
    path.unlink(missing_ok=missing_ok)
    sync(path.parent)
