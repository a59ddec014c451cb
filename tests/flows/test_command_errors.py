# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Commands report problems in one line: the problem, its value, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canale.cli.commands import COMMANDS
from tests.commands import run_each
from tests.databases import ON_POSTGRESQL
from tests.postgresql_server import PostgresqlServer, postgresql_server, programs
from tests.site import Site

SECRET = "geheim"
# Each with what it needs to come as far as the database; {folder} is the test's own.
CALLS = {
    "serve": "",
    "worker": "",
    "init": "--handle h --name n --admin a@b.it --password-file {folder}/password",
    "demo": "",
    "publish": "--channel h --kind news --headline x",
    "token": "--channel h",
    "outlet": "--channel h",
    "check": "--offline",
    "audit": "verify",
    "migrate": "",
    "password": "a@b.it --password-file {folder}/password",
    "staff": "--channel h",
    "resume": "",
    "backup": "{folder}/backup.tar",
    "restore": "{folder}/none.tar",
    "migrate-database": "-",
    "rotate-key": "",
    "setup-link": "",
}


def one_line(site: Site, *commands: str) -> dict[str, str]:
    """Return each command's error line; check that there is no other output and no secret."""
    calls = [[name, *CALLS[name].format(folder=site.folder).split()] for name in commands]
    ends = run_each(site, calls)
    return {name: _line(name, *end) for name, end in zip(commands, ends, strict=True)}


def _line(command: str, status: int, out: str, err: str) -> str:
    assert status == 1, (command, out, err)
    assert SECRET not in out + err
    lines = err.splitlines()
    if command == "check":
        lines = [line for line in out.splitlines() if line.startswith("WRONG")]
    assert len(lines) == 1, (command, out, err)
    return lines[0]


def new_machine(folder: Path, **environment: str) -> Site:
    (folder / "password").write_text("acqua alta sul fiume Po\n")
    return Site(folder, environment)


def test_every_command_reports_an_unreachable_database(tmp_path: Path) -> None:
    assert set(CALLS) == set(COMMANDS)
    site = new_machine(
        tmp_path, CANALE_DATABASE_URL=f"postgresql://canale:{SECRET}@127.0.0.1:1/canale"
    )
    said = one_line(site, *CALLS)
    # These say what they cannot do before they need the database, or by PostgreSQL's own programs.
    others = {"backup", "restore", "migrate-database"}
    assert "Connection refused" in said["backup"]
    for name in CALLS.keys() - others:
        assert "postgresql://canale@127.0.0.1:1/canale does not answer" in said[name], name
    assert "start PostgreSQL, or correct host and port" in said["token"]


@pytest.mark.skipif(ON_POSTGRESQL, reason="damages the file of SQLite")
def test_every_command_reports_missing_tables(tmp_path: Path) -> None:
    site = new_machine(tmp_path)
    asking = ("worker", "publish", "token", "check", "audit", "password", "staff", "rotate-key")
    file = tmp_path / "data/canale.sqlite3"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    for line in one_line(site, *asking).values():
        assert f"there is no channel in the database sqlite:///{file}" in line
    # An outdated schema, an incomplete one, and none.
    site.run("migrate")
    site.inside("undo_migrations", "delivery")
    for line in one_line(site, "worker", "check", "rotate-key").values():
        assert f"sqlite:///{file} is older than this version: it lacks 1 step" in line
    site.run("migrate")
    site.inside("pretend_migration", ["channel", "9999_next_year"])
    for line in one_line(site, "serve", "migrate", "worker", "check").values():
        assert f"sqlite:///{file} was made by another version of canale" in line
        assert "channel.9999_next_year, which is unknown here" in line
    site.inside("forget_migration", ["channel", "9999_next_year"])
    site.inside("lose_table", "channel_channel")
    assert "it is damaged: stop canale and restore" in one_line(site, "token")["token"]
    file.write_bytes(b"no database" * 1000)
    assert "file is not a database" in one_line(site, "token")["token"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CANALE_PORT", "abc", "CANALE_PORT=abc is not usable; allowed: a number"),
        ("CANALE_DATABASE_URL", SECRET, "CANALE_DATABASE_URL=… is not usable"),
        ("CANALE_DATA", "/dev/null/data", "CANALE_DATA=/dev/null/data: cannot be made"),
        ("CANALE_DATABASE_URL", "sqlite:////dev/null/x", "own this file and its folder"),
    ],
)
def test_invalid_setting_is_reported_with_its_value(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    assert said in one_line(new_machine(tmp_path, **{name: value}), "migrate")["migrate"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql_server() as made:
        (made.folder / "data/pg_hba.conf").write_text("local all all scram-sha-256\n")
        made.stop("fast")
        made.start()
        yield made


def test_wrong_database_password_is_reported_and_not_shown(
    server: PostgresqlServer, tmp_path: Path
) -> None:
    url = server.url.replace("canale@", f"canale:{SECRET}@")
    said = one_line(new_machine(tmp_path, CANALE_DATABASE_URL=url), "token")["token"]
    assert "password authentication failed" in said
    assert "correct host and port, name, user and password in CANALE_DATABASE_URL" in said
