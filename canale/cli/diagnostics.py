# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Diagnoses of database and file errors: one line instead of a traceback."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from canale.cli.archive import applied_migrations, known_migrations
from canale.core.database_url import HIDDEN, shown
from canale.core.settings import settings

# Messages of PostgreSQL (libpq) and SQLite, and what to do about them.
MENDS = (
    (r"invalid .*(?:value|option)", "correct the options in CANALE_DATABASE_URL"),
    (r"password authentication failed", "correct the password in CANALE_DATABASE_URL"),
    (
        r'(?:database|role) ".*" does not exist',
        "make it (docs/operate.md, From SQLite to PostgreSQL), or correct CANALE_DATABASE_URL",
    ),
    (r"resolve host|translate host name", "correct the host in CANALE_DATABASE_URL"),
    (
        r"refused|No such file|timeout expired|unreachable|connection is bad",
        "start PostgreSQL, or correct host and port in CANALE_DATABASE_URL",
    ),
    (r"too many (?:clients|connections)", "raise max_connections (deploy/postgresql.conf)"),
    (
        r"unable to open database file|readonly database",
        "let the user that runs canale own this file and its folder",
    ),
    (r"database is locked", "another program holds it: end that, and try again"),
    (r"is full", "make room (old backups, the journal)"),
    (
        r"malformed|not a database|no such (?:table|column)|(?:relation|column) .* does not exist",
        "it is not whole: stop canale and restore the last backup (canale restore --replace FILE)",
    ),
)
UNFIT = "this file system lacks what canale needs (locks); choose another folder by CANALE_DATA"
FILES = {
    errno.ENOLCK: UNFIT,
    errno.EOPNOTSUPP: UNFIT,
    errno.ENOSYS: UNFIT,
    errno.EACCES: "let the user that runs canale own it",
    errno.EPERM: "let the user that runs canale own it",
    errno.EROFS: "it must be writable; or choose another folder by CANALE_DATA",
    errno.ENOSPC: "make room (old backups, the journal)",
    errno.EDQUOT: "make room (old backups, the journal)",
}
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}"


def diagnose(error: Exception) -> Diagnosis | None:
    """None for what is a fault of ours: that needs its traceback."""
    if isinstance(error, DatabaseError):
        return _diagnose_database(error)
    # ENOSPC errors carry no filename.
    if isinstance(error, OSError) and (error.filename or error.errno in FULL):
        mend = FILES.get(error.errno or 0)
        what = f"{error.filename or settings.data}: {error.strerror}"
        return Diagnosis(what, mend) if mend else None
    return None


def database_diagnosis() -> Diagnosis | None:
    """Why nothing can be done with the database now; None if it is there, and new enough."""
    try:
        foreign = foreign_trouble()
        steps, is_empty = _missing_steps()
    except DatabaseError as error:
        return _told(error)
    if is_empty:
        return _empty()
    return foreign or (_older(steps) if steps else None)


def foreign_trouble() -> Diagnosis | None:
    """Why this version cannot use the database of another one: it has steps that are unknown here.

    Raises django.db.Error.
    """
    known = known_migrations()
    ours = {step.partition(".")[0] for step in known}
    unknown = sorted(
        step for step in set(applied_migrations()) - known if step.partition(".")[0] in ours
    )
    if not unknown:
        return None
    return Diagnosis(
        f"the database {shown(settings.database_url)} was made by another version of canale: it "
        f"has the step {unknown[0]}, which is unknown here",
        "install that version, or name another data folder by CANALE_DATA",
    )


def no_channel_diagnosis() -> Diagnosis | None:
    """Where there is no channel at all. Raises django.db.Error."""
    _, is_empty = _missing_steps()
    return _empty() if is_empty else None


def _missing_steps() -> tuple[list[str], bool]:
    """Migrations that the database has not seen, and whether it has seen none: it is empty, or not
    ours. Raises django.db.Error."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    steps = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    return steps, not executor.loader.applied_migrations


def _diagnose_database(error: Exception) -> Diagnosis | None:
    # Another look, by a line of its own: this one may be what is ill.
    connection.close()
    standing = database_diagnosis()
    if standing is not None:
        return standing
    return _told(error) if _mend(_said(error)) else None


def _empty() -> Diagnosis:
    return Diagnosis(
        f"there is no channel in the database {shown(settings.database_url)}",
        "name yours by CANALE_DATA or CANALE_DATABASE_URL; `canale serve` and `canale init` begin "
        "a new one",
    )


def _older(steps: list[str]) -> Diagnosis:
    number = f"{len(steps)} step{'s' if len(steps) > 1 else ''}"
    return Diagnosis(
        f"the database {shown(settings.database_url)} is older than this version: it lacks "
        f"{number}, from {steps[0]} on",
        "run `canale migrate` (`canale serve` does it too)",
    )


def _told(error: Exception) -> Diagnosis:
    said = _said(error)
    return Diagnosis(
        f"the database {shown(settings.database_url)} does not answer ({said})",
        _mend(said) or "correct CANALE_DATABASE_URL",
    )


def _said(error: Exception) -> str:
    """Its first line, without the password, whatever the driver repeats of it."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    password = str(connection.settings_dict["PASSWORD"])
    return said.replace(password, HIDDEN) if password else said


def _mend(said: str) -> str:
    return next((mend for words, mend in MENDS if re.search(words, said)), "")
