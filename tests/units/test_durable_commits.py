# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every connection answers a commit only when it is on the disk."""

from __future__ import annotations

import pytest
from django.db import connection

from canale.cli.check import database
from canale.cli.database_postgresql import durability_settings
from tests.databases import ON_POSTGRESQL

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
on_postgresql = pytest.mark.postgres(only="settings of PostgreSQL")


def _setting_of_a_new_connection(options: str) -> str:
    new = connection.copy()
    new.settings_dict = {
        **connection.settings_dict,
        "OPTIONS": {**connection.settings_dict["OPTIONS"], "options": options},
    }
    try:
        with new.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return str(cursor.fetchone()[0])
    finally:
        new.close()


@on_postgresql
@pytest.mark.parametrize(
    ("asked", "used"),
    [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")],
)
def test_postgresql_never_commits_asynchronously(asked: str, used: str) -> None:
    assert _setting_of_a_new_connection(f"-c synchronous_commit={asked}") == used


@on_postgresql
def test_check_finds_a_server_that_may_lose_commits() -> None:
    """bin/with-postgresql starts one with fsync off."""
    assert durability_settings() == {"fsync": False, "full_page_writes": True}
    findings = {found.what: found for found in database()}
    assert not findings["PostgreSQL's fsync is off"].ok
    assert "fsync = on" in findings["PostgreSQL's fsync is off"].fix
    assert findings["PostgreSQL's full_page_writes is on"].ok


@pytest.mark.skipif(ON_POSTGRESQL, reason="a pragma of SQLite")
def test_sqlite_syncs_each_commit() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone() == (2,)
