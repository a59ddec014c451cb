# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The file that keeps the secret key."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from canale.core import durable_files


def new_key() -> str:
    return secrets.token_urlsafe(48)


def read_key(kept: Path) -> str:
    """Read the key. Raises OSError, and ValueError for what is not plain text."""
    return kept.read_text(encoding="ascii").strip()


def get_or_create_key(kept: Path) -> str:
    """Return the key in a file, which is made first if there is none.

    Several processes may start at once: the hard link lets exactly one key win, and all read that.
    """
    if not kept.exists():
        made = write_key(kept.parent, new_key())
        try:
            durable_files.link(made, kept)
        except FileExistsError:
            # The process that wrote it may not have synced its name yet.
            durable_files.sync(kept.parent)
        finally:
            made.unlink()
    return read_key(kept)


def write_key(folder: Path, key: str) -> Path:
    """Write the key to a new file of a unique name, synced and readable by its owner alone."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".secret-key-")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key + "\n")
    durable_files.sync(Path(name))
    return Path(name)
