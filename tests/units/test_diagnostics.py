# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which errors are said in one line, and which are ours and keep their traceback."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection

from canale.cli.diagnostics import database_diagnosis, diagnose


def test_full_disk_is_explained() -> None:
    with pytest.raises(OSError, match="No space") as full:
        Path("/dev/full").write_text("x")
    assert "No space left on device; make room" in str(diagnose(full.value))


def test_file_of_another_user_is_named() -> None:
    said = str(diagnose(PermissionError(13, "Permission denied", "/srv/running/everybody")))
    assert said == (
        "/srv/running/everybody: Permission denied; let the user that runs canale own it"
    )


def refused_by_sqlite(statement: str) -> OperationalError:
    """Wrap the driver's error, which has its code, as Django does."""
    error = OperationalError(statement)
    try:
        sqlite3.connect(":memory:").execute(statement)
    except sqlite3.Error as cause:
        error.__cause__ = cause
    return error


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("x"),
        FileNotFoundError(2, "No such file", "/x"),
        IntegrityError("UNIQUE constraint failed"),
        ProgrammingError("syntax error"),
        refused_by_sqlite("SELECT FROM"),
    ],
)
def test_bug_keeps_its_traceback(error: Exception) -> None:
    assert diagnose(error) is None


@pytest.mark.django_db
def test_database_of_an_unreleased_version_is_named() -> None:
    """Until the first release, columns are added to the initial migrations."""
    assert database_diagnosis() is None
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE channel_channel DROP COLUMN motif")
    said = str(database_diagnosis())
    assert "made by another version of canale" in said
    assert "its table channel_channel lacks the column motif" in said
