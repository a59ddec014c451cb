# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Copies a PostgreSQL database with its own programs, and puts a copy in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from django.db import connection

from canale.cli.commands import CommandError

# With one of these off, a power cut loses or damages committed data, whatever a session sets.
# https://www.postgresql.org/docs/current/runtime-config-wal.html
MUST_BE_ON = ("fsync", "full_page_writes")
CLEAN = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"


def dump(copy: Path) -> None:
    """Dump one snapshot in the custom format. Raises CommandError."""
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={copy}")
    copy.chmod(0o600)


def put_in_place(copy: Path) -> None:
    """Replace all that the database holds, in one transaction. Raises CommandError.

    pg_restore's own way of replacing drops only what is in the copy too; a table that a newer
    version added would stay. So it writes the script, and psql runs all or nothing of it.
    """
    script = copy.with_suffix(".sql")
    script.touch(mode=0o600)
    _run(
        "pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(copy), connect=False
    )
    _run(
        "psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1",
        f"--command={CLEAN}", f"--file={script}",
    )  # fmt: skip


def durability_settings() -> dict[str, bool]:
    """Return the settings of MUST_BE_ON, and whether they are on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [[*MUST_BE_ON]]
        )
        return {name: setting == "on" for name, setting in cursor.fetchall()}


def others_connected() -> int:
    """Count the sessions of other processes in this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _run(program: str, *arguments: str, connect: bool = True) -> None:
    path = shutil.which(program)
    if path is None:
        raise CommandError(
            f"{program} is needed and not there; install PostgreSQL's client programs, of the "
            "server's version or later (on Debian: apt install postgresql-client)"
        )
    done = subprocess.run(
        [path, *arguments],
        env=_environment() if connect else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        errors = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise CommandError(f"{program} failed: {errors[0]}")


def _environment() -> dict[str, str]:
    """Return the connection as libpq's variables: the list of processes shows arguments."""
    database = connection.settings_dict
    variables = {
        "PGDATABASE": database["NAME"],
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        "PGHOST": database["HOST"],
        "PGPORT": database["PORT"],
        # A restored database is on the disk when `canale restore` says so (durable_commits.py).
        "PGOPTIONS": f"{database['OPTIONS'].get('options', '')} -c synchronous_commit=on",
        **{
            f"PG{name.upper().replace('_', '')}": value
            for name, value in database["OPTIONS"].items()
            if name.startswith("ssl")
        },
    }
    return {**os.environ, **{name: str(value) for name, value in variables.items() if value}}
