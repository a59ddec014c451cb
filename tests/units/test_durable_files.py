# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files get their names in one step, with hard links and without."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from canale.bus.local import LocalBus, short_folder
from canale.cli import database_sqlite, restore, rotate_key
from canale.cli.diagnostics import diagnose
from canale.core import durable_files
from canale.core.secret_key import get_or_create_key
from canale.runtime.file_locks import lock
from tests.structure.repository import ROOT
from tests.waiting import until


@pytest.fixture(params=["links", "no links", "no links, no locks"], autouse=True)
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **more: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if request.param != "links":
        monkeypatch.setattr(os, "link", refused)
    if request.param == "no links, no locks":
        monkeypatch.setattr(fcntl, "flock", refused)


def test_existing_file_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for text in ("first", "second"):
        (tmp_path / text).write_text(text)
    durable_files.link(tmp_path / "first", target)
    with pytest.raises(FileExistsError):
        durable_files.link(tmp_path / "second", target)
    assert target.read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second", "target"]


def test_hard_link_keeps_the_old_file_when_the_name_is_replaced(tmp_path: Path) -> None:
    kept, old, new = (tmp_path / name for name in ("kept", "old", "new"))
    kept.write_text("before")
    kept.chmod(0o600)
    durable_files.link(kept, old)
    new.write_text("after")
    new.replace(kept)
    assert (old.read_text(), kept.read_text()) == ("before", "after")
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        durable_files.link(kept, old)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "old"]


def test_key_is_created_once(tmp_path: Path) -> None:
    kept = tmp_path / "secret-key"
    assert get_or_create_key(kept) == get_or_create_key(kept) == kept.read_text().strip()
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_previous_database_is_kept_when_a_copy_replaces_it(tmp_path: Path) -> None:
    database, copy = tmp_path / "canale.sqlite3", tmp_path / "copy"
    for path in (database, copy):
        with closing(sqlite3.connect(path)) as made:
            made.execute(f"CREATE TABLE {path.name.partition('.')[0]} (id)")
    before = database_sqlite.put_in_place(copy, database)
    assert before is not None
    for path, table in ((before, "canale"), (database, "copy")):
        with closing(sqlite3.connect(path)) as made:
            assert made.execute("SELECT name FROM sqlite_master").fetchone() == (table,)


def test_key_files_are_swapped_and_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "secret-key"
    key = get_or_create_key(kept)
    settings = SimpleNamespace(data=tmp_path, secret_key=key)
    monkeypatch.setattr(rotate_key, "settings", settings)
    monkeypatch.setattr(restore, "settings", settings)
    assert rotate_key._begin() == 0
    old = tmp_path / "secret-key.old"
    assert old.read_text().strip() == key != kept.read_text().strip()
    old.replace(kept)
    with restore._new_key("n" * 40):
        assert (kept.read_text(), old.read_text()) == ("n" * 40 + "\n", key + "\n")
    assert not old.exists()


def test_folder_without_fsync_support_does_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invalid(handle: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", invalid)
    durable_files.sync(tmp_path)


def test_only_durable_files_makes_hard_links() -> None:
    named = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "canale").rglob("*.py")
        if "os.link(" in path.read_text() or ".hardlink_to(" in path.read_text()
    ]
    assert named == ["canale/core/durable_files.py"]


def test_notifications_arrive_if_the_data_folder_cannot_hold_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoSockets(socket.socket):
        def bind(self, address: Any) -> None:
            if str(address).startswith(str(tmp_path / "data")):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            super().bind(address)

    monkeypatch.setattr(socket, "socket", NoSockets)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")

    async def flow() -> None:
        heard: list[bytes] = []
        data = tmp_path / "data"
        listening = LocalBus(data).subscribe({"live": heard.append})
        LocalBus(data).publish("live", b"17")
        await until(lambda: heard == [b"17"])
        listening.close()
        short_folder(data).rmdir()

    asyncio.run(flow())


def test_file_system_without_locks_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OSError, match="No locks") as error:
        lock(tmp_path / "lock")
    trouble = diagnose(error.value)
    assert trouble is not None
    assert "CANALE_DATA" in str(trouble)
    assert str(tmp_path / "lock") in str(trouble)
