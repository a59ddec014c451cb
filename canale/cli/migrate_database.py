# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale migrate-database: from SQLite to PostgreSQL, checked row by row."""

from __future__ import annotations

import argparse
import getpass
import sys
from functools import partial

import psycopg
from django.core.management import call_command
from django.db import Error, connection, connections, transaction

from canale.cli import database_copy as copying
from canale.cli import inputs
from canale.cli.commands import CommandError
from canale.cli.folder_locks import exclusive_folder
from canale.core.database_url import parse_database_url


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="TARGET_URL",
        help="postgresql://user@host/name, or - to read it from standard input, so that a "
        "password in it does not appear in the list of processes",
    )


def run(arguments: argparse.Namespace) -> int:
    if connection.vendor != "sqlite":
        raise CommandError(
            "CANALE_DATABASE_URL is not SQLite; this command copies from SQLite to PostgreSQL"
        )
    _connect(arguments.target)
    with exclusive_folder("move its database"):
        try:
            rows = _move()
        except (Error, psycopg.Error) as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"nothing was moved: {reason}") from error
    sys.stdout.write(
        f"Moved: {rows} rows, each compared on both sides.\n"
        "Set CANALE_DATABASE_URL to the new database, keep the same secret key, start canale. "
        "The SQLite file is unchanged; delete it once everything works.\n"
    )
    return 0


def _connect(target: str) -> None:
    if target == "-":
        # Not echoed: it holds a password.
        target = (
            getpass.getpass("postgresql://user:password@host/name: ")
            if sys.stdin.isatty()
            else inputs.first_line_typed()
        )
    try:
        database = parse_database_url(target.strip())
    except ValueError:
        raise CommandError("the target is not postgresql://user@host:port/name") from None
    if not database["ENGINE"].endswith("postgresql"):
        raise CommandError("the target must be PostgreSQL: postgresql://user@host:port/name")
    connections.databases["target"] = connections.configure_settings(
        {"default": {}, "target": database}
    )["target"]


def _move() -> int:
    """Copy in one transaction, so that a failure leaves the target's tables empty."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("migrate", database="target", verbosity=0, interactive=False)
    models = copying.models()
    tell = partial(print, file=sys.stderr)
    copying.refuse_unless_empty(models, connections["target"])
    # On SQLite this takes the write lock (database_url.py): nothing changes during the copy.
    with transaction.atomic(), transaction.atomic(using="target"):
        copying.empty(models, connections["target"])
        total = sum(copying.copy(model, tell) for model in models)
        copying.set_sequences(models, connection, connections["target"])
        connections["target"].check_constraints()
    return total
