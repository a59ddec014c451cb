# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The data folder: everything that must be kept, and its owner."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from canale.core import durable_files

DATABASE = "canale.sqlite3"


class FolderError(Exception):
    """The folder cannot be used; the message says why and what to do."""


def make_data_folder(folder: Path) -> None:
    """Make the folder if it is missing. Raises FolderError unless this process may write there.

    Root may write everywhere, but the service could not open root's files and would not start: one
    lock file is enough, and many commands make one.
    """
    try:
        durable_files.make_folder(folder)
        owner = folder.stat().st_uid
    except OSError as error:
        raise FolderError(f"cannot be made ({error.strerror}); choose another folder") from error
    me = os.geteuid()
    if me == 0 != owner:
        raise FolderError(
            f"belongs to {user_name(owner)}, who could not use what root writes there; "
            f"{as_user(owner)}"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise FolderError(
            f"{user_name(me)} may not write there, it belongs to {user_name(owner)}; "
            f"{as_user(owner)}, or choose another folder"
        )


def embedded_database(environment: Mapping[str, str]) -> Path | None:
    """Return the SQLite file that these settings stand for, whether it exists or not; None if they
    name another database. Changes nothing."""
    if any(environment.get(f"CANALE_{name}") for name in ("DATABASE_URL", "DATABASE_URL_FILE")):
        return None
    if environment.get("CANALE_DATA_FILE"):
        return None
    return Path(environment.get("CANALE_DATA", "").strip() or "data").absolute() / DATABASE


def as_user(owner: int) -> str:
    return f"run canale as {user_name(owner)} (docs/operate.md, To run a command)"


def user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
