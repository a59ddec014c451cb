# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""File locks that the kernel releases when their process exits (flock(2))."""

from __future__ import annotations

import fcntl
import os
from io import FileIO
from pathlib import Path
from typing import Literal
from weakref import WeakSet

Mode = Literal["ab", "r+b"]

_held: WeakSet[FileIO] = WeakSet()


def lock(path: Path, mode: Mode = "ab", *, shared: bool = False) -> FileIO | None:
    """Return the open file, locked until it is closed; None if another process holds it.

    ``mode`` says whether the file is made where there is none ("ab"), or must be there ("r+b").
    Raises OSError.
    """
    file = path.open(mode, buffering=0)
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if isinstance(error, BlockingIOError):
            return None
        # Errors of flock(2) carry no file name, by which a file system without locks is recognised.
        error.filename = str(path)
        raise
    _held.add(file)
    return file


def _close_copies() -> None:
    """Close a forked child's copies of the locks, which it would keep when its parent has exited.

    The parent's locks stay. Programs that are started inherit none (PEP 446).
    """
    for file in list(_held):
        file.close()


os.register_at_fork(after_in_child=_close_copies)
