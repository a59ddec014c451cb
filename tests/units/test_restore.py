# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An archive that is no backup of ours is refused in one line, and leaves nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from canale.cli.archive import FORM, Manifest, unpack, unpacking_advice
from canale.cli.commands import CommandError

MANIFEST: dict[str, Any] = {
    "form": FORM, "canale": "0.1", "made_at": "2026-11-30T10:00:00+00:00", "vendor": "sqlite",
    "sha256": "", "size": 0, "key_id": "k", "with_key": False, "migrations": ["channel.0001"],
}  # fmt: skip


def add(tar: tarfile.TarFile, name: str, data: bytes, **more: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in more.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(data))


@pytest.fixture
def dump(tmp_path: Path) -> bytes:
    with closing(sqlite3.connect(tmp_path / "d")) as made:
        made.execute("CREATE TABLE t (id)")
    return (tmp_path / "d").read_bytes()


Archive = Callable[..., Path]


@pytest.fixture
def archive(tmp_path: Path, dump: bytes) -> Archive:
    def made(fill: Callable[[tarfile.TarFile], None] | None = None, **changes: Any) -> Path:
        said = {**MANIFEST, "sha256": hashlib.sha256(dump).hexdigest(), "size": len(dump)}
        path = tmp_path / "backup.tar"
        with tarfile.open(path, "w") as tar:
            add(tar, "manifest.json", json.dumps({**said, **changes}).encode())
            (fill or (lambda tar: add(tar, "database.sqlite3", dump)))(tar)
        return path

    return made


def refused(path: Path, tmp_path: Path) -> str:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with pytest.raises((CommandError, tarfile.TarError, OSError)) as error:
        unpack(path, folder)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2**20
    said = str(error.value)
    assert "\n" not in said
    assert said.isprintable()
    return said


def test_whole_backup_is_unpacked(archive: Archive, dump: bytes, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    assert unpack(archive(), tmp_path / "unpacked").vendor == "sqlite"
    assert (tmp_path / "unpacked/database.sqlite3").read_bytes() == dump


def test_sparse_archive_member_is_refused(archive: Archive, tmp_path: Path) -> None:
    def sparse(tar: tarfile.TarFile) -> None:
        real = 3 * 2**30
        headers = {
            "GNU.sparse.major": "1", "GNU.sparse.minor": "0",
            "GNU.sparse.name": "database.sqlite3", "GNU.sparse.realsize": str(real),
        }  # fmt: skip
        add(tar, "database.sqlite3", b"1\n0\n0\n".ljust(512, b"\0"), pax_headers=headers)

    said = refused(archive(sparse, size=3 * 2**30), tmp_path)
    assert "'database.sqlite3', which no backup of canale contains" in said


def test_old_gnu_sparse_member_is_refused(archive: Archive, tmp_path: Path) -> None:
    def sparse(tar: tarfile.TarFile) -> None:
        add(tar, "database.sqlite3", b"x" * 512, type=tarfile.GNUTYPE_SPARSE)

    said = refused(archive(sparse, size=3 * 2**30), tmp_path)
    assert "which no backup of canale contains" in said


def test_member_larger_than_in_the_manifest_is_refused(
    archive: Archive, dump: bytes, tmp_path: Path
) -> None:
    assert "larger" in refused(archive(size=len(dump) - 1), tmp_path)


def test_control_characters_in_member_names_are_not_printed(
    archive: Archive, tmp_path: Path
) -> None:
    path = archive(lambda tar: add(tar, "\x1b]0;evil\x07\u202e\nx", b""))
    assert "\\x1b" in refused(path, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"form":' * 50_000,
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        *(
            json.dumps({**MANIFEST, name: value}).encode()
            for name, value in [
                ("vendor", []), ("vendor", {}), ("vendor", None), ("form", True), ("form", "1"),
                ("form", [1]), ("size", "1"), ("size", -1), ("size", 1.5), ("sha256", 1),
                ("migrations", 1), ("migrations", "x"), ("migrations", [1]), ("migrations", [[]]),
                ("migrations", None), ("with_key", "yes"), ("canale", ["x"]), ("made_at", 1),
                ("canale", "\x1b[31m"), ("made_at", "\n"), ("more", 1),
            ]
        ),
    ],
)  # fmt: skip
def test_invalid_manifest_is_refused_in_one_line(text: bytes) -> None:
    with pytest.raises(CommandError, match="manifest is damaged"):
        Manifest.read(text)


def test_manifest_of_another_version_is_named_without_escapes() -> None:
    with pytest.raises(CommandError, match="in an unknown format"):
        Manifest.read(json.dumps({**MANIFEST, "form": 2}).encode())


def test_compressed_archive_error_explains_how_to_unpack_it(
    archive: Archive, tmp_path: Path
) -> None:
    packed = tmp_path / "backup.tar.gz"
    packed.write_bytes(gzip.compress(archive().read_bytes()))
    refused(packed, tmp_path)
    assert "gunzip" in unpacking_advice(packed)
    assert unpacking_advice(tmp_path / "backup.tar") == ""
    assert unpacking_advice(tmp_path / "missing") == ""
