# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale migrate: migrates the database to this version."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection

from canale.cli.commands import CommandError
from canale.cli.diagnostics import foreign_diagnosis, missing_column_diagnosis

_MIGRATION_LOCK = 0x6D696772617465
_PAUSE_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options."""


def run(arguments: argparse.Namespace) -> int:
    migrate()
    sys.stdout.write("The database is up to date.\n")
    return 0


def migrate() -> None:
    """Apply missing migrations, one process at a time. Raises CommandError, django.db.Error."""
    with _alone():
        if foreign := foreign_diagnosis():
            raise CommandError(str(foreign))
        call_command("migrate", verbosity=0, interactive=False)
        if other := missing_column_diagnosis():
            raise CommandError(str(other))


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process migrate at a time: several nodes may start at once.

    SQLite has a single writer anyway.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        # Polled: a session that waits inside a statement holds a snapshot, and CREATE INDEX
        # CONCURRENTLY of the session that holds the lock would wait for it: a deadlock.
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_MIGRATION_LOCK])
            if cursor.fetchone()[0]:
                break
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
