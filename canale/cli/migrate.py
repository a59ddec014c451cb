# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale migrate: brings the database to this version."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from canale.cli import CommandError

HELP = "bring the database to this version; `serve`, `init` and `demo` do it too"
_MIGRATION_LOCK = 0x6D696772617465


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(arguments: argparse.Namespace) -> int:
    migrate()
    return 0


def migrate() -> None:
    """Apply what is missing; one process at a time. Raises CommandError."""
    from django.core.management import call_command
    from django.db import OperationalError

    try:
        with _alone():
            call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as error:
        raise CommandError(f"the database cannot be used ({error}); see `canale check`") from error


@contextmanager
def _alone() -> Iterator[None]:
    """Several nodes may start at once. SQLite has one writer at a time by itself."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
