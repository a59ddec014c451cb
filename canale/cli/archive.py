# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The format of a backup: a tar whose first member describes the others."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

import canale
from canale.cli import CommandError
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
        """Raises CommandError."""
        try:
            found = cls(**_checked(read_json(text)))
        except (ValueError, TypeError, KeyError) as error:
            raise CommandError("this is not a backup of canale: its manifest is damaged") from error
        if found.form != FORM or found.vendor not in DUMPS:
            raise CommandError(f"made by canale {found.canale!a}, in a form not known here")
        return found

    def said(self) -> dict[str, object]:
        return asdict(self)


def _checked(said: Any) -> dict[str, Any]:
    """The parts of a manifest, if each has the type it is written with. Raises ValueError,
    TypeError, KeyError."""
    migrations = said["migrations"]
    wrong = [name for name, kind in TYPES.items() if type(said[name]) is not kind]
    if wrong or not all(isinstance(name, str) for name in migrations) or said["size"] < 0:
        raise ValueError(wrong)
    texts = [*migrations, *(said[name] for name, kind in TYPES.items() if kind is str)]
    if not all(text.isprintable() for text in texts):
        raise ValueError("a control character")
    return {**said, "migrations": tuple(migrations)}


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
