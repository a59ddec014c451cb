# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database that this run of the tests uses, and the tests that ask for PostgreSQL."""

from __future__ import annotations

import os

import pytest

ON_POSTGRESQL = bool(os.environ.get("TEST_DATABASE_URL"))
"""bin/with-postgresql names a server; else each site has a file of SQLite."""


def skip_without_postgresql(items: list[pytest.Item]) -> None:
    """Skip the tests marked ``postgres(only="the reason")`` where they cannot run.

    Because the reason stands in the mark that takes them into the run on PostgreSQL, no test is
    skipped in both runs.
    """
    if ON_POSTGRESQL:
        return
    for item in items:
        for mark in item.iter_markers("postgres"):
            if "only" in mark.kwargs:
                item.add_marker(pytest.mark.skip(reason=f"PostgreSQL only: {mark.kwargs['only']}"))
