# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale backup: everything that must be kept, in one file, while the channel serves."""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from django.db import connection

from canale.cli import CommandError, database_postgresql, database_sqlite
from canale.cli.archive import KEY, MANIFEST, Manifest, dump_name, sha256_of
from canale.cli.diagnostics import no_channel_diagnosis
from canale.core import durable_files
from canale.core.settings import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="to make, such as canale-2026-11-24.tar")
    parser.add_argument(
        "--with-key",
        action="store_true",
        help="put the secret key in too: whoever has such a file can reach every follower",
    )


def run(arguments: argparse.Namespace) -> int:
    target = Path(arguments.file).absolute()
    if target.exists():
        raise CommandError(f"{target} is there already; a backup overwrites nothing")
    if settings.old_secret_key:
        raise CommandError(
            "the secret key is being changed, and a copy of now would need both keys; "
            "finish it first: canale rotate-key"
        )
    # A backup of nothing would be kept for one of the channel.
    nothing = no_channel_diagnosis()
    if nothing is not None:
        raise CommandError(nothing)
    try:
        _back_up(target, with_key=arguments.with_key)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"no backup was made: {where}{error.strerror or error}") from error
    _tell(target, with_key=arguments.with_key)
    return 0


def _back_up(target: Path, *, with_key: bool) -> None:
    """Beside the target first, under another name: there is a whole file or none."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        dump, part = Path(folder) / dump_name(), Path(folder) / "part"
        _dump(dump)
        with part.open("xb") as file:
            part.chmod(0o600)
            _pack(file, dump, with_key=with_key)
        try:
            durable_files.link(part, target)
        except FileExistsError as error:
            raise CommandError(f"{target} is there already") from error


def _dump(dump: Path) -> None:
    if connection.vendor == "sqlite":
        database_sqlite.dump(Path(str(connection.settings_dict["NAME"])), dump)
    else:
        database_postgresql.dump(dump)


def _pack(file: object, dump: Path, *, with_key: bool) -> None:
    with tarfile.open(fileobj=file, mode="w") as tar:  # type: ignore[call-overload]
        manifest = Manifest.of_now(sha256_of(dump), dump.stat().st_size, with_key=with_key)
        _add(tar, MANIFEST, json.dumps(manifest.said(), indent=1).encode() + b"\n")
        if with_key:
            _add(tar, KEY, settings.secret_key.encode() + b"\n")
        tar.add(dump, dump.name, filter=_plain)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, BytesIO(data))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing about this machine's users."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _tell(target: Path, *, with_key: bool) -> None:
    sys.stdout.write(f"{target}: {target.stat().st_size / 2**20:.1f} MiB\n")
    if with_key:
        sys.stdout.write("The secret key is in it: keep it as you keep the key.\n")
    else:
        sys.stdout.write("The secret key is NOT in it; keep that apart: without it, no follower.\n")
