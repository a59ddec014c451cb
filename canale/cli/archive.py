# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The format of a backup: a tar whose first member describes the others."""

from __future__ import annotations

import hashlib
import json
import tarfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

import canale
from canale.cli import database_sqlite
from canale.cli.commands import CommandError
from canale.core.settings import settings
from canale.net.json_reader import read_json
from canale.vault.keys import key_id

MANIFEST, KEY = "manifest.json", "secret-key"
FORM = 1
# The type in JSON of each part of a manifest.
TYPES = {
    **dict.fromkeys(("form", "size"), int),
    **dict.fromkeys(("canale", "made_at", "vendor", "sha256", "key_id"), str),
    "with_key": bool,
    "migrations": list,
}
PACKERS = {
    b"\x1f\x8b": "gunzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ\0": "unxz",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"PK\x03\x04": "unzip",
}
MANIFEST_BYTES = 1024 * 1024
KEY_BYTES = 4096
DUMPS = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """``migrations``: those applied, as ``app.name``; ``key_id``: of the key that opens it."""

    form: int
    canale: str
    made_at: str
    vendor: str
    sha256: str
    size: int
    key_id: str
    with_key: bool
    migrations: tuple[str, ...]

    @classmethod
    def of_now(cls, sha256: str, size: int, *, with_key: bool) -> Manifest:
        made_at = timezone.now().isoformat(timespec="seconds")
        return cls(
            FORM,
            canale.__version__,
            made_at,
            connection.vendor,
            sha256,
            size,
            key_id(settings.secret_key),
            with_key,
            applied_migrations(),
        )

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        """Check that each part has the type it is written with. Raises CommandError."""
        try:
            parts = read_json(text)
            migrations = parts["migrations"]
            wrong = [name for name, kind in TYPES.items() if type(parts[name]) is not kind]
            if wrong or not all(isinstance(name, str) for name in migrations) or parts["size"] < 0:
                raise ValueError(wrong)
            texts = [*migrations, *(parts[name] for name, kind in TYPES.items() if kind is str)]
            if not all(text.isprintable() for text in texts):
                raise ValueError("a control character")
            manifest = cls(**{**parts, "migrations": tuple(migrations)})
        except (ValueError, TypeError, KeyError) as error:
            raise CommandError("this is not a backup of canale: its manifest is damaged") from error
        if manifest.form != FORM or manifest.vendor not in DUMPS:
            raise CommandError(f"made by canale {manifest.canale!a}, in an unknown format")
        return manifest


def dump_name() -> str:
    return DUMPS[connection.vendor]


def applied_migrations() -> tuple[str, ...]:
    applied = MigrationRecorder(connection).applied_migrations()
    return tuple(sorted(f"{app}.{name}" for app, name in applied))


def known_migrations() -> set[str]:
    return {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or ()}


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(file: IO[bytes], dump: Path, *, with_key: bool) -> None:
    """Write a backup that holds this dump."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        manifest = Manifest.of_now(sha256_of(dump), dump.stat().st_size, with_key=with_key)
        _add_member(tar, MANIFEST, json.dumps(asdict(manifest), indent=1).encode() + b"\n")
        if with_key:
            _add_member(tar, KEY, settings.secret_key.encode() + b"\n")
        with dump.open("rb") as copy:
            tar.addfile(_member(dump.name, manifest.size), copy)


def _add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_member(name, len(data)), BytesIO(data))


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Describe a member without the names of this machine's users."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    return member


def unpack(source: Path, folder: Path) -> Manifest:
    """Write the dump and the key of a backup into a folder, after checks that nothing is unknown,
    missing or changed. Raises CommandError, OSError, tarfile.TarError."""
    with tarfile.open(source, "r:") as tar:
        first = tar.next()
        if first is None or first.name != MANIFEST or not _is_plain(first):
            raise CommandError(f"{source} is not a backup of canale")
        _extract(tar, first, folder / MANIFEST, MANIFEST_BYTES)
        manifest = Manifest.read((folder / MANIFEST).read_bytes())
        dump = DUMPS[manifest.vendor]
        sizes = {dump: manifest.size, KEY: KEY_BYTES}
        seen = set()
        while member := tar.next():
            if member.name not in sizes or not _is_plain(member) or member.name in seen:
                raise CommandError(
                    f"{source} holds {member.name!a}, which no backup of canale contains"
                )
            seen.add(member.name)
            _extract(tar, member, folder / member.name, sizes[member.name])
    if seen != {dump} | ({KEY} if manifest.with_key else set()):
        raise CommandError(f"{source} is incomplete; take another backup")
    if sha256_of(folder / dump) != manifest.sha256:
        raise CommandError(f"{source} is damaged: its checksum does not match; take another backup")
    if manifest.vendor == "sqlite":
        database_sqlite.check(folder / dump)
    return manifest


def _is_plain(member: tarfile.TarInfo) -> bool:
    """True for a regular file stored in full: a sparse one could fill the disk."""
    return member.isreg() and not member.issparse()


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, limit: int) -> None:
    if member.size > limit:
        raise CommandError(f"{member.name} in this backup is larger than it should be")
    file = tar.extractfile(member)
    assert file is not None  # noqa: S101 - isreg() was asked
    with target.open("xb") as out:
        target.chmod(0o600)
        while data := file.read(2**20):
            out.write(data)


def unpacking_advice(source: Path) -> str:
    """Say how to unpack an archive that somebody compressed; empty if it is not compressed."""
    with suppress(OSError), source.open("rb") as file:
        start = file.read(6)
        for magic, program in PACKERS.items():
            if start.startswith(magic):
                return f"it is compressed; unpack it first ({program})"
    return ""
