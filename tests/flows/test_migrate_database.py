# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""From SQLite to PostgreSQL with one command: all of it, or nothing."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest

from tests.commands import refused_in_one_line, run, run_each
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService

SERVER = os.environ.get("TEST_DATABASE_URL", "")
only_postgresql = pytest.mark.postgres(only="the target is a database of PostgreSQL")


@pytest.fixture(scope="module")
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def target() -> Iterator[str]:
    name = f"target_{secrets.token_hex(6)}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, push: PushService) -> Path:
    """The data of a city on SQLite, whatever the other tests run on: made once, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    options = {"CANALE_DATABASE_URL": "", "CANALE_PUSH_ORIGINS": push.origin}
    with new_site(folder, start=False, init=False, **options) as site:
        site.run("demo", "--handle", HANDLE)
        site.inside("follow", push.subscribe(50))
    return folder / "data"


@pytest.fixture
def city(tmp_path: Path, made: Path, push: PushService) -> Iterator[Site]:
    (tmp_path / "city").mkdir()
    shutil.copytree(made, tmp_path / "city/data")
    options = {"CANALE_DATABASE_URL": "", "CANALE_PUSH_ORIGINS": push.origin}
    with new_site(tmp_path / "city", start=False, init=False, **options) as site:
        yield site


@only_postgresql
def test_migrated_channel_is_complete_and_goes_on(
    city: Site, target: str, push: PushService
) -> None:
    # The last event ever told is deleted: its number must not be given again.
    with closing(sqlite3.connect(city.folder / "data/canale.sqlite3")) as database, database:
        last = database.execute("SELECT max(id) FROM live_liveevent").fetchone()[0]
        database.execute("DELETE FROM live_liveevent WHERE id = ?", [last])
    city.start()
    refused = run(city, "migrate-database", target)
    assert "stop its servers" in refused.stderr
    city.stop()
    before = city.inside("rows")
    # A password in an address would show in the list of processes.
    done = run(city, "migrate-database", "-", stdin=target + "\n")
    assert done.returncode == 0, done.stderr
    assert "each compared on both sides" in done.stdout
    assert f"followers_address: {before['followers_address']} rows" in done.stderr

    city.environment["CANALE_DATABASE_URL"] = target
    assert city.inside("rows") == before
    city.run("audit", "verify")
    city.start()
    page = httpx.get(city.channel, timeout=30).text
    assert "Piena del Po" in page
    images = set(re.findall(rf"/c/{HANDLE}/image/[\w-]+-small", page))
    assert images
    for image in images:
        assert (
            httpx.get(f"{city.url}{image}", timeout=30).headers["content-type"].startswith("image/")
        )
    post = city.post(city.token(), headline="Sul database nuovo")
    push.wait_for(50)
    assert not push.refused
    assert int(str(post["id"])) == before["channel_post"] + 1
    with psycopg.connect(target) as database_there:
        row = database_there.execute("SELECT max(id) FROM live_liveevent").fetchone()
        assert row is not None
        assert row[0] > last


@only_postgresql
def test_row_that_does_not_fit_leaves_the_target_empty(city: Site, target: str) -> None:
    with closing(sqlite3.connect(city.folder / "data/canale.sqlite3")) as database, database:
        # SQLite keeps what PostgreSQL refuses.
        database.execute("UPDATE channel_wording SET place = ? WHERE id = 3", ["x" * 500])
    refused = run(city, "migrate-database", target)
    assert refused.returncode == 1
    assert "nothing was moved: value too long" in refused.stderr
    with psycopg.connect(target) as there:
        row = there.execute("SELECT count(*) FROM channel_channel").fetchone()
        assert row == (0,)
    with closing(sqlite3.connect(city.folder / "data/canale.sqlite3")) as database, database:
        database.execute("UPDATE channel_wording SET place = '' WHERE id = 3")
    city.run("migrate-database", target)
    refused = run(city, "migrate-database", target)
    assert "the target is not empty: its table channel_channel has rows" in refused.stderr


@only_postgresql
def test_row_changed_during_migration_is_found(city: Site, target: str) -> None:
    """A trigger on the target does what a bad disk or a bad converter would."""
    with psycopg.connect(target, autocommit=True) as there:
        city.environment["CANALE_DATABASE_URL"] = target
        city.run("migrate")
        city.environment["CANALE_DATABASE_URL"] = ""
        there.execute(
            "CREATE FUNCTION harm() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.id = 5 THEN NEW.headline := 'altro'; END IF; RETURN NEW; END $$"
        )
        there.execute(
            "CREATE TRIGGER harm BEFORE INSERT ON channel_wording "
            "FOR EACH ROW EXECUTE FUNCTION harm()"
        )
        refused = run(city, "migrate-database", target)
        assert refused.returncode == 1
        assert "channel_wording differs" in refused.stderr
        assert "the first row that differs is 5" in refused.stderr
        assert there.execute("SELECT count(*) FROM channel_wording").fetchone() == (0,)


def test_only_postgresql_is_accepted_as_a_target(tmp_path: Path) -> None:
    with new_site(tmp_path, CANALE_DATABASE_URL="", start=False) as site:
        targets = ("sqlite:////x", "mysql://u@h/d", "postgresql://")
        for end in run_each(site, [("migrate-database", target_url) for target_url in targets]):
            assert "postgresql://user@host:port/name" in refused_in_one_line(end)
