# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale backup: everything that must be kept, in one file, while the channel serves."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from django.db import connection

from canale.cli import database_postgresql, database_sqlite
from canale.cli.archive import dump_name, pack
from canale.cli.commands import CommandError
from canale.cli.diagnostics import no_channel_diagnosis
from canale.core import durable_files
from canale.core.settings import settings

KEY_INSIDE = "It includes the secret key: protect it like the key.\n"
KEY_APART = "It does NOT include the secret key; keep that apart: without it, no follower.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a new file, such as canale-2026-11-24.tar")
    parser.add_argument(
        "--with-key",
        action="store_true",
        help="include the secret key: anyone with the file can then reach every follower",
    )


def run(arguments: argparse.Namespace) -> int:
    target = Path(arguments.file).absolute()
    if target.exists():
        raise CommandError(f"{target} already exists; a backup overwrites nothing")
    if settings.old_secret_key:
        raise CommandError(
            "the secret key is being changed, and a backup now would need both keys; "
            "finish it first: canale rotate-key"
        )
    # Somebody would take a backup of an empty database for a backup of the channel.
    nothing = no_channel_diagnosis()
    if nothing is not None:
        raise CommandError(nothing)
    try:
        _back_up(target, with_key=arguments.with_key)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"no backup was made: {where}{error.strerror or error}") from error
    sys.stdout.write(f"{target}: {target.stat().st_size / 2**20:.1f} MiB\n")
    sys.stdout.write(KEY_INSIDE if arguments.with_key else KEY_APART)
    return 0


def _back_up(target: Path, *, with_key: bool) -> None:
    """Write beside the target and link it there when complete, so a partial file has no name."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        dump, part = Path(folder) / dump_name(), Path(folder) / "part"
        if connection.vendor == "sqlite":
            database_sqlite.dump(Path(str(connection.settings_dict["NAME"])), dump)
        else:
            database_postgresql.dump(dump)
        with part.open("xb") as file:
            part.chmod(0o600)
            pack(file, dump, with_key=with_key)
        try:
            durable_files.link(part, target)
        except FileExistsError as error:
            raise CommandError(f"{target} already exists") from error
