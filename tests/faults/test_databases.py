# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database falls over, is locked, or has no room left, in the middle of a broadcast."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import canale  # noqa: F401  (its SQLite, not the system's)
from tests.faults.broadcast import City, new_city
from tests.postgresql_server import PostgresqlServer, postgresql_server, programs
from tests.site import HANDLE, wait_until

pytestmark = pytest.mark.slow

# Longer than a write waits for its turn.
LOCKED_SECONDS = 25.0
AWAY_SECONDS = 5.0


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql_server() as made:
        yield made


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_sqlite_is_locked_for_long(city: City) -> None:
    import sqlite3

    broadcast = city.publish()
    broadcast.midway()
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


def test_postgresql_falls_over(tmp_path: Path, engine: str, server: PostgresqlServer) -> None:
    with new_city(tmp_path, engine, CANALE_DATABASE_URL=server.url) as city:
        broadcast = city.publish()
        broadcast.midway()
        server.stop()
        time.sleep(AWAY_SECONDS)
        server.start()
        broadcast.all_are_told()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_the_disk_is_full(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "data", "40m"),
        new_city(tmp_path, "local") as city,
    ):
        broadcast = city.publish()
        broadcast.midway()
        filler = tmp_path / "data" / "filler"
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
                file.flush()
        refused = httpx.post(
            f"{city.site.api}/channels/{HANDLE}/posts",
            json={"kind": "news", "headline": "Nel mezzo", "text": "Testo " * 150},
            headers={"Authorization": f"Bearer {'x' * 40}"},
            timeout=60,
        )
        assert refused.status_code in {401, 503}
        time.sleep(AWAY_SECONDS)
        filler.unlink()
        broadcast.all_are_told()
        wait_until(lambda: httpx.get(f"{city.site.url}/readyz").status_code == 200)
        city.publish("Dopo").all_are_told()
