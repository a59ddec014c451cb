# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backup while the channel serves, rehearsed: restored elsewhere, it is the channel again."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands import refused_in_one_line, run, run_each
from tests.databases import ON_POSTGRESQL
from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService

DUMP = "database.pgdump" if ON_POSTGRESQL else "database.sqlite3"


@pytest.fixture(scope="module")
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, push: PushService) -> Iterator[Site]:
    """One for all tests: each leaves it serving, with its thirty followers."""
    folder = tmp_path_factory.mktemp("city")
    with new_site(folder, CANALE_PUSH_ORIGINS=push.origin) as site:
        site.inside("follow", push.subscribe(30))
        yield site


@contextmanager
def machine(folder: Path, push: PushService) -> Iterator[Site]:
    """Another machine, with nothing but canale."""
    folder.mkdir()
    with new_site(folder, init=False, start=False, CANALE_PUSH_ORIGINS=push.origin) as site:
        (folder / "data").mkdir()
        yield site


def give_key(city: Site, other: Site) -> None:
    shutil.copy(city.folder / "data/secret-key", other.folder / "data/secret-key")


@pytest.mark.quick
@pytest.mark.postgres
def test_restored_backup_is_the_whole_channel(
    city: Site, push: PushService, tmp_path: Path
) -> None:
    before = len(push.received)
    post = city.post(city.token(), headline="Prima della copia")
    push.wait_for(before + 30)
    stopped = threading.Event()
    answers: list[int] = []
    writer = threading.Thread(target=react, args=(city, int(str(post["id"])), stopped, answers))
    writer.start()
    said = city.run("backup", str(tmp_path / "b.tar"))
    stopped.set()
    writer.join()
    assert "does NOT include the secret key" in said
    # A backup neither refuses those who write nor keeps them waiting until they give up.
    assert set(answers) == {200}
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob(".b.tar*")] == []
    names, manifest = opened(tmp_path / "b.tar")
    assert names == ["manifest.json", DUMP]
    assert (manifest["vendor"] == "postgresql") is ON_POSTGRESQL

    counts = city.inside("rows")
    with machine(tmp_path / "other", push) as other:
        refused = run(other, "restore", str(tmp_path / "b.tar"))
        assert refused.returncode == 1
        assert f"needs the key {manifest['key_id']}" in refused.stderr
        give_key(city, other)
        assert "Restored" in other.run("restore", str(tmp_path / "b.tar"))
        assert leftovers(other) == []
        restored = other.inside("rows")
        names_of_rows = [name for name in counts if not name.startswith(("reactions", "live"))]
        assert [restored[name] for name in names_of_rows] == [counts[n] for n in names_of_rows]
        other.start()
        assert "Prima della copia" in httpx.get(other.channel, timeout=30).text
        before = len(push.received)
        # A page that was open all the time has seen more of the stream than the backup knows.
        with Reader(f"{other.url}/live/{HANDLE}", last_event_id=500) as page:
            after = int(str(other.post(other.token(), headline="Dopo la copia")["id"]))
            page.wait_for("post", after)
        assert all(told.id > 500 for told in page.told)
        push.wait_for(before + 30)
        assert not push.refused


def react(site: Site, post: int, stopped: threading.Event, answers: list[int]) -> None:
    address = f"{site.api}/posts/{post}/reaction"
    with httpx.Client(headers={"Origin": site.url}, timeout=30) as browser:
        while not stopped.is_set() or len(answers) < 4:
            emoji = "👍" if len(answers) % 2 else "👏"
            answers.append(browser.put(address, json={"emoji": emoji}).status_code)


def opened(file: Path) -> tuple[list[str], dict[str, Any]]:
    with tarfile.open(file) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        return tar.getnames(), json.load(manifest)


def leftovers(site: Site) -> list[str]:
    return [path.name for path in (site.folder / "data").glob(".restore*")]


def test_backup_with_key_is_restored_from_one_file(
    city: Site, push: PushService, tmp_path: Path
) -> None:
    assert "protect it like the key" in city.run("backup", "--with-key", str(tmp_path / "k"))
    with machine(tmp_path / "other", push) as other:
        other.run("restore", str(tmp_path / "k"))
        data = other.folder / "data"
        assert (data / "secret-key").read_text() == (city.folder / "data/secret-key").read_text()
        assert not (data / "secret-key.old").exists()
        # The key that was made for an empty folder opened nothing.
        assert not list(data.glob("*before-restore*"))
        assert other.inside("sealed_with", str(data / "secret-key"))["yes"] == 30


@pytest.mark.postgres
def test_backup_and_restore_do_not_overwrite_without_being_asked(
    city: Site, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar"
    city.run("backup", str(file))
    again = run(city, "backup", str(file))
    assert again.returncode == 1
    assert "overwrites nothing" in again.stderr
    refused = run(city, "restore", str(file))
    assert "stop its servers" in refused.stderr
    city.stop()
    refused = run(city, "restore", str(file))
    assert "not empty" in refused.stderr
    posts = city.inside("rows")["channel_post"]
    city.run("publish", "--channel", HANDLE, "--kind", "news", "--headline", "Da perdere")
    assert city.inside("rows")["channel_post"] == posts + 1
    said = city.run("restore", "--replace", str(file))
    assert city.inside("rows")["channel_post"] == posts
    if not ON_POSTGRESQL:
        before = city.folder / "data/canale.sqlite3.before-restore"
        assert str(before) in said
        assert before.stat().st_size > 0
    city.start()


def damaged(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.seek(file.stat().st_size // 2)
        handle.write(b"damage" * 100)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def foreign(file: Path) -> None:
    with tarfile.open(file, "a") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/evil"), io.BytesIO())


def from_the_future(file: Path) -> None:
    rewrite(file, lambda manifest: manifest["migrations"].append("channel.0099_future"))


def of_another_database(file: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["vendor"] = "oracle"

    rewrite(file, change)


def no_backup(file: Path) -> None:
    file.write_bytes(b"PK" * 4000)


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    _, manifest = opened(file)
    with tarfile.open(file) as tar:
        dump = tar.extractfile(DUMP)
        assert dump is not None
        content = dump.read()
    change(manifest)
    with tarfile.open(file, "w") as tar:
        for name, data in (("manifest.json", json.dumps(manifest).encode()), (DUMP, content)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


HARMS = {
    damaged: "damaged",
    cut: "cannot be read",
    foreign: "no backup of canale",
    from_the_future: "newer canale",
    of_another_database: "in an unknown format",
    no_backup: "cannot be read",
}


def test_damaged_backup_is_refused_and_changes_nothing(
    city: Site, push: PushService, tmp_path: Path
) -> None:
    good = tmp_path / "good.tar"
    city.run("backup", str(good))
    with machine(tmp_path / "other", push) as other:
        give_key(city, other)
        calls = []
        for harm in HARMS:
            bad = tmp_path / f"{harm.__name__}.tar"
            shutil.copy(good, bad)
            harm(bad)
            calls.append(("restore", str(bad)))
        for (harm, said), end in zip(HARMS.items(), run_each(other, calls), strict=True):
            assert said in refused_in_one_line(end), harm
        assert leftovers(other) == []
        other.run("restore", str(good))


@pytest.mark.postgres
def test_full_disk_is_reported_and_leaves_no_file(city: Site, tmp_path: Path) -> None:
    """No file may grow beyond 40 KiB: to a program that writes, that is a full disk."""
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 40; exec {sys.executable} -m canale backup full.tar"],
        env=city.environment | {"PYTHONPATH": str(Path.cwd())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no backup was made" in done.stderr or "pg_dump failed" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
    assert [path.name for path in tmp_path.glob(".full*")] == []


@pytest.mark.postgres(only="PostgreSQL's own programs write the copy")
def test_backup_without_pg_dump_names_the_package_to_install(city: Site, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "canale", "backup", str(tmp_path / "b.tar")],
        env=city.environment | {"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "postgresql-client" in done.stderr
