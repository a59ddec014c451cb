# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale restore: puts a backup in place, all or nothing."""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError, connection

from canale.cli import database_postgresql, database_sqlite
from canale.cli.archive import (
    DUMPS,
    KEY,
    Manifest,
    known_migrations,
    unpack,
    unpacking_advice,
)
from canale.cli.commands import CommandError
from canale.cli.folder_locks import exclusive_folder
from canale.core import durable_files
from canale.core.secret_key import read_key, write_key
from canale.core.settings import settings
from canale.live.events import advance_sequence
from canale.vault.keys import key_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a file written by `canale backup`")
    parser.add_argument(
        "--replace", action="store_true", help="overwrite what the database contains now"
    )
    parser.add_argument(
        "--other-key",
        action="store_true",
        help="restore although the backup's key is lost: posts come back, but no follower can be "
        "reached",
    )


def run(arguments: argparse.Namespace) -> int:
    source = Path(arguments.file).absolute()
    # SQLite: in the database's own folder, so that one rename puts the copy in its place.
    database = Path(str(connection.settings_dict["NAME"])).absolute()
    place = database.parent if connection.vendor == "sqlite" else settings.data
    with exclusive_folder("restore a backup"), tempfile.TemporaryDirectory(
        dir=place, prefix=".restore-"
    ) as folder:  # fmt: skip
        try:
            manifest = unpack(source, Path(folder))
        except (OSError, tarfile.TarError) as error:
            raise CommandError(
                f"{source} cannot be read: {unpacking_advice(source) or error}"
            ) from error
        key = _checked_key(manifest, Path(folder), other_key=arguments.other_key)
        held = _check_target(manifest, replace=arguments.replace)
        before = _put_in_place(manifest, Path(folder), key)
        if not held:
            # Nothing is lost: an empty file, and a key that was created for it.
            if before is not None:
                durable_files.remove(before, missing_ok=True)
            if key is not None:
                durable_files.remove(_key_before(), missing_ok=True)
            before = None
        advance_sequence()
    _tell(manifest, before, other_key=arguments.other_key)
    return 0


def _checked_key(manifest: Manifest, folder: Path, *, other_key: bool) -> str | None:
    """Return the key to write, if the backup brings one that is not here yet."""
    if manifest.key_id in (key_id(settings.secret_key), key_id(settings.old_secret_key or "-")):
        return None
    if manifest.with_key:
        key = read_key(folder / KEY)
        kept = settings.data / "secret-key"
        here = kept.exists() and read_key(kept) == settings.secret_key
        changing = bool(settings.old_secret_key)
        if key_id(key) != manifest.key_id or not here or changing:
            raise CommandError("set CANALE_SECRET_KEY to the backup's key: this one is different")
        return key
    if other_key:
        return None
    raise CommandError(
        f"this backup needs the key {manifest.key_id}, which is not here: put its secret-key "
        f"into {settings.data} (or set CANALE_SECRET_KEY). If it is lost: --other-key"
    )


def _check_target(manifest: Manifest, *, replace: bool) -> bool:
    """Return whether the database holds tables, of any kind: they may be somebody else's."""
    try:
        held = bool(connection.introspection.table_names())
    except DatabaseError:
        held = True
    finally:
        connection.close()
    if connection.vendor != manifest.vendor:
        raise CommandError(
            f"this backup is of {manifest.vendor}, and CANALE_DATABASE_URL names "
            f"{connection.vendor}; restore it there, then `canale migrate-database`"
        )
    newer = set(manifest.migrations) - known_migrations()
    if newer:
        raise CommandError(f"it was made by a newer canale ({manifest.canale}); install that")
    if held and not replace:
        raise CommandError("the database is not empty; --replace puts the backup in its place")
    if connection.vendor == "postgresql" and database_postgresql.others_connected():
        raise CommandError("others are connected to the database; stop canale on every machine")
    return held


def _put_in_place(manifest: Manifest, folder: Path, key: str | None) -> Path | None:
    dump = folder / DUMPS[manifest.vendor]
    name = str(connection.settings_dict["NAME"])
    connection.close()
    with _new_key(key):
        if manifest.vendor == "postgresql":
            database_postgresql.put_in_place(dump)
            return None
        return database_sqlite.put_in_place(dump, Path(name).absolute())


@contextmanager
def _new_key(key: str | None) -> Iterator[None]:
    """Put the backup's key in place; the previous key still opens until the database is replaced.

    Whenever this is interrupted, there is a key for the data.
    """
    if key is None:
        yield
        return
    kept, old = settings.data / "secret-key", settings.data / "secret-key.old"
    durable_files.link(kept, old)
    durable_files.replace(write_key(settings.data, key), kept)
    try:
        yield
    except BaseException:
        durable_files.replace(old, kept)
        raise
    durable_files.replace(old, _key_before())


def _key_before() -> Path:
    return settings.data / f"secret-key.before-restore-{os.getpid()}"


def _tell(manifest: Manifest, before: Path | None, *, other_key: bool) -> None:
    say = sys.stdout.write
    say(f"Restored: as it was on {manifest.made_at}, made by canale {manifest.canale}.\n")
    if before is not None:
        say(f"What was there before is now {before}; delete it when all is well.\n")
    if other_key:
        say("Without the backup's key nobody can be reached: everybody must follow again.\n")
    say("Who left since then is back (docs/operate.md, Back up and restore). Start canale now.\n")
