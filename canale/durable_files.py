# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files whose names, too, are on the disk when a call returns: a power cut takes nothing back.

A new name is an entry of its folder, and reaches the disk when the folder is synced; syncing the
file alone does not do it (fsync(2)).
"""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Write a file's content, or a folder's names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and the parents it lacks, its owner's alone. Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


def link(source: Path, target: Path) -> None:
    """Give a file a second name. Raises FileExistsError if the name is taken."""
    sync(source)
    os.link(source, target)
    sync(target.parent)


def replace(source: Path, target: Path) -> None:
    """Rename a file over whatever bears the target's name."""
    sync(source)
    source.replace(target)
    sync(target.parent)
    if source.parent != target.parent:
        sync(source.parent)


def remove(path: Path, *, missing_ok: bool = False) -> None:
    path.unlink(missing_ok=missing_ok)
    sync(path.parent)
