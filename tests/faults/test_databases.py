# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database falls over, is locked, or has no room left, in the middle of a broadcast."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

import canale  # noqa: F401  (its SQLite, not the system's)
from canale.cli.worker import SHUTDOWN_SECONDS
from tests.faults.amid import Fault
from tests.faults.broadcast import City, new_city, on_each_engine
from tests.postgresql_server import PostgresqlServer, postgresql_server, programs
from tests.site import HANDLE, new_site
from tests.standins.push_service import Behaviour
from tests.waiting import wait_until
from tests.worker_node import worker_node, workers_up

# Longer than a write waits for its turn.
LOCKED_SECONDS = 25.0
FILLER = "filler"


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql_server() as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_broadcast_survives_a_long_sqlite_lock(city: City) -> None:
    import sqlite3

    broadcast = city.publish()
    broadcast.midway()
    withdrawn = city.publish("Ritirato")
    withdrawn.withdraw()
    path = Path(city.site.environment["CANALE_DATA"]) / "canale.sqlite3"
    lock = sqlite3.connect(path, isolation_level=None)
    try:
        lock.execute("PRAGMA busy_timeout = 20000")
        lock.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_SECONDS)
        lock.execute("ROLLBACK")
    finally:
        lock.close()
    broadcast.all_are_told()
    withdrawn.nobody_is_told_any_more()


@pytest.mark.long
@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_backup_can_be_made_during_a_broadcast(city: City, tmp_path: Path) -> None:
    import sqlite3

    # Slow enough for a backup to begin and end during the broadcast.
    city.push.behave(Behaviour(delay=1.5))
    broadcast = city.publish()
    wait_until(broadcast.told)
    city.site.run("backup", str(tmp_path / "copy.tar"))
    assert broadcast.is_under_way()
    withdrawn = city.publish("Ritirato")
    withdrawn.withdraw()
    broadcast.all_are_told()
    withdrawn.nobody_is_told_any_more()
    with tarfile.open(tmp_path / "copy.tar") as tar:
        tar.extract("database.sqlite3", tmp_path, filter="data")
    with contextlib.closing(sqlite3.connect(tmp_path / "database.sqlite3")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # The copy is of a moment during the broadcast.
        ((accepted, batches),) = copy.execute(
            "SELECT accepted, (SELECT count(*) FROM delivery_batch WHERE state != 'done')"
            " FROM delivery_broadcast"
        )
    assert accepted < city.followers
    assert batches


@contextlib.contextmanager
def frozen(server: PostgresqlServer) -> Iterator[None]:
    """It takes what is sent, and answers nothing."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    processes = [server.pid, *map(int, children.split())]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@pytest.mark.long
def test_worker_stops_while_the_database_hangs(tmp_path: Path, server: PostgresqlServer) -> None:
    given = {"CANALE_DATABASE_URL": server.url, "CANALE_WORKERS": "0"}
    with (
        new_site(tmp_path, **given) as site,
        worker_node(site.environment, tmp_path / "worker.log") as worker,
    ):
        wait_until(lambda: workers_up(site.environment))
        time.sleep(1)
        with frozen(server):
            time.sleep(2)
            worker.terminate()
            worker.wait(SHUTDOWN_SECONDS + 10)


@on_each_engine(short_form="jetstream")
def test_broadcast_survives_a_postgresql_crash(
    tmp_path: Path, engine: str, server: PostgresqlServer
) -> None:
    with new_city(tmp_path, engine, CANALE_DATABASE_URL=server.url) as city:
        broadcast = city.publish_in_batches()
        broadcast.midway()
        withdrawn = city.publish("Ritirato")
        withdrawn.withdraw()
        server.stop()
        wait_until(lambda: not city.serves())
        server.start()
        broadcast.all_are_told()
        withdrawn.nobody_is_told_any_more()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def cut_log(database: Path) -> None:
    """Checkpoint the write-ahead log into the database, so that its space is free again."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill_up(folder: Path) -> None:
    """With a file that takes all the room there is."""
    for size in (65536, 4096):
        with (folder / FILLER).open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(size))
    assert not os.statvfs(folder).f_bavail


def with_a_photo(city: City, headline: str) -> httpx.Response:
    """The answer to a post that takes more room than a log may have left."""
    out = io.BytesIO()
    Image.effect_noise((1300, 950), 90).save(out, "JPEG", quality=90)
    photo = {"data": base64.b64encode(out.getvalue()).decode(), "alt": "Il Po"}
    return httpx.post(
        f"{city.site.api}/channels/{HANDLE}/posts",
        json={"kind": "news", "headline": headline, "text": "Testo", "images": [photo]},
        headers={"Authorization": f"Bearer {city.token}"},
        timeout=60,
    )


def written(city: City) -> dict[str, int]:
    """Rows of what a post is made of."""
    tables = ("channel", "publishing", "live", "accounts")
    rows = city.site.inside("rows")
    kept = {table: number for table, number in rows.items() if table.startswith(tables)}
    return {**kept, "broadcasts": rows["delivery_broadcast"], "batches": rows["delivery_batch"]}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_broadcast_survives_a_full_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with small_disk(data, "24m"), new_city(tmp_path, "local") as city:
        before: dict[str, int] = {}

        def fill() -> None:
            before.update(written(city))
            cut_log(data / "canale.sqlite3")
            fill_up(data)

        broadcast = city.publish_in_batches(fault=Fault(fill))
        refused = with_a_photo(city, "Troppo grande")
        assert refused.status_code == 503, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["status"] == 503
        assert refused.headers["retry-after"]
        assert httpx.get(city.site.channel).status_code == 200
        # One that dies is replaced, whatever it finds.
        before_the_kill = workers_up(city.site.environment)
        windows = city.kill_worker()
        wait_until(lambda: workers_up(city.site.environment) - before_the_kill)
        assert broadcast.is_under_way()
        (data / FILLER).unlink()
        broadcast.all_are_told(killed=windows)
        assert written(city) == before
        assert with_a_photo(city, "Dopo").status_code == 201
        city.publish("Dopo ancora").all_are_told()
        # A line or two of each process, not one of each failure.
        assert "Traceback" not in city.site.log()
        assert "Database unavailable (full)" in city.site.log()
