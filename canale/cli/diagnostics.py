# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Diagnoses of database and file errors: one line instead of a traceback."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from django.apps import apps
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from canale.cli.archive import applied_migrations, known_migrations
from canale.core.database_url import HIDDEN, shown
from canale.core.settings import settings
from canale.runtime.database_away import DatabaseProblem, classify_error

MAKE_ROOM = "make room (old backups, the journal)"
OWN_FILE = "let the user that runs canale own this file and its folder"
RESTORE = "stop canale and restore the last backup (canale restore --replace FILE)"
# By engine and by what the driver's code stands for; the driver's own text says the rest.
REMEDIES = {
    ("sqlite", DatabaseProblem.AWAY): OWN_FILE,
    ("sqlite", DatabaseProblem.READ_ONLY): OWN_FILE,
    ("sqlite", DatabaseProblem.LOCKED): "another program holds it: end that, and try again",
    ("sqlite", DatabaseProblem.FULL): MAKE_ROOM,
    ("postgresql", DatabaseProblem.AWAY): "start PostgreSQL, or correct host and port, name, user "
    "and password in CANALE_DATABASE_URL",
    ("postgresql", DatabaseProblem.READ_ONLY): "name the primary by CANALE_DATABASE_URL",
    ("postgresql", DatabaseProblem.LOCKED): "another session holds it: end that, and try again",
    ("postgresql", DatabaseProblem.FULL): MAKE_ROOM,
}
# https://www.sqlite.org/rescode.html and
# https://www.postgresql.org/docs/current/errcodes-appendix.html
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")
OTHER_VERSION = "install that version, or name another data folder by CANALE_DATA"
UNFIT = "this file system lacks what canale needs (locks); choose another folder by CANALE_DATA"
FILES = {
    errno.ENOLCK: UNFIT,
    errno.EOPNOTSUPP: UNFIT,
    errno.ENOSYS: UNFIT,
    errno.EACCES: "let the user that runs canale own it",
    errno.EPERM: "let the user that runs canale own it",
    errno.EROFS: "it must be writable; or choose another folder by CANALE_DATA",
    errno.ENOSPC: MAKE_ROOM,
    errno.EDQUOT: MAKE_ROOM,
}
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


def diagnose(error: Exception) -> Diagnosis | None:
    """Return None for a bug of ours, which needs its traceback."""
    if isinstance(error, DatabaseError):
        # Look again over a new connection: this one may be broken.
        connection.close()
        return database_diagnosis() or (_unavailable(error) if _remedy(error) else None)
    # ENOSPC errors carry no filename.
    if isinstance(error, OSError) and (error.filename or error.errno in FULL):
        fix = FILES.get(error.errno or 0)
        what = f"{error.filename or settings.data}: {error.strerror}"
        return Diagnosis(what, fix) if fix else None
    return None


def database_diagnosis() -> Diagnosis | None:
    """Return why the database cannot be used; None if it can."""
    try:
        return no_channel_diagnosis() or foreign_diagnosis() or _incomplete()
    except DatabaseError as error:
        return _unavailable(error)


def no_channel_diagnosis() -> Diagnosis | None:
    """Return a diagnosis if the database is empty, or not ours. Raises django.db.Error."""
    if applied_migrations():
        return None
    return Diagnosis(
        f"there is no channel in the database {shown(settings.database_url)}",
        "name yours by CANALE_DATA or CANALE_DATABASE_URL; `canale serve` and `canale init` begin "
        "a new one",
    )


def foreign_diagnosis() -> Diagnosis | None:
    """Return a diagnosis if another version made the database. Raises django.db.Error."""
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
        OTHER_VERSION,
    )


def _incomplete() -> Diagnosis | None:
    """Return a diagnosis if migrations or tables are missing."""
    name = f"the database {shown(settings.database_url)}"
    executor = MigrationExecutor(connection)
    steps = [step for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if steps:
        return Diagnosis(
            f"{name} is older than this version: it lacks {len(steps)} "
            f"step{'s' if len(steps) > 1 else ''}, from {steps[0]} on",
            "run `canale migrate` (`canale serve` does it too)",
        )
    tables = connection.introspection
    lost = sorted(set(tables.django_table_names()) - set(tables.table_names()))
    if lost:
        what = f"{name} has lost its table {lost[0]}"
        return Diagnosis(what, f"it is damaged: {RESTORE}")
    return missing_column_diagnosis()


def missing_column_diagnosis() -> Diagnosis | None:
    """Return a diagnosis for a database of an unreleased version, whose steps had fewer columns.

    Raises django.db.Error.
    """
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            # `connection.introspection` parses the statements that made SQLite's tables, which
            # takes a tenth of a second at each start.
            rows = f"SELECT * FROM {connection.ops.quote_name(table)} LIMIT 0"  # noqa: S608
            cursor.execute(rows)
            there = {column[0] for column in cursor.description}
            for field in model._meta.local_concrete_fields:
                if field.column not in there:
                    return Diagnosis(
                        f"the database {shown(settings.database_url)} was made by another version "
                        f"of canale: its table {table} lacks the column {field.column}",
                        OTHER_VERSION,
                    )
    return None


def _unavailable(error: Exception) -> Diagnosis:
    """Repeat the first line of the driver's text, without the password."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    password = str(connection.settings_dict["PASSWORD"])
    text = text.replace(password, HIDDEN) if password else text
    return Diagnosis(
        f"the database {shown(settings.database_url)} does not answer ({text})",
        _remedy(error) or "correct CANALE_DATABASE_URL",
    )


def _remedy(error: Exception) -> str:
    """Return what to do; empty for a bug of ours."""
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""
    if code.startswith(DAMAGED):
        return f"it is damaged: {RESTORE}"
    problem = classify_error(error)
    return REMEDIES[connection.vendor, problem] if problem else ""
