# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Copies an SQLite database while it is written, and puts a copy in its place."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from canale.cli.commands import CommandError
from canale.core import durable_files

BEFORE = ".before-restore"


def dump(database: Path, copy: Path) -> None:
    """Copy one snapshot. Raises CommandError.

    VACUUM INTO reads in one transaction; in WAL mode that blocks no writer, and unlike the
    online backup it never starts over after a write. Deleted rows ("forget me") are not in the
    copy, which has no free pages. https://sqlite.org/lang_vacuum.html
    """
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source:
            source.execute("VACUUM INTO ?", [str(copy)])
    except sqlite3.Error as error:
        raise CommandError(
            f"no backup was made: the database cannot be copied ({error})"
        ) from error
    copy.chmod(0o600)
    check(copy)


def check(database: Path) -> None:
    """Verify that the file is an intact database. Raises CommandError."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source:
            result = str(source.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        result = str(error)
    if result != "ok":
        raise CommandError(f"the copy of the database is incomplete ({result})")


def put_in_place(copy: Path, database: Path) -> Path | None:
    """Give the database's name to the copy, in one step; return where the former file is."""
    before = None
    if database.exists() and database.stat().st_size:
        # Fold the log into the file and move it aside: SQLite would replay it into the copy. If the
        # database is damaged, its log stays beside it.
        with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ("-wal", "-shm"):
            log = database.with_name(database.name + ending)
            if log.exists():
                durable_files.replace(log, log.with_name(f"{_free_name(database).name}{ending}"))
        before = _free_name(database)
        database.chmod(0o600)
        durable_files.link(database, before)
    durable_files.replace(copy, database)
    return before


def _free_name(database: Path) -> Path:
    name, number = database.name + BEFORE, 1
    while (database.parent / name).exists():
        number += 1
        name = f"{database.name}{BEFORE}-{number}"
    return database.parent / name
