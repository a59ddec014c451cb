# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The benchmark's look at PostgreSQL's memory."""

from __future__ import annotations

import psycopg
import pytest

from bench.peak import peak_of
from tests.postgresql_server import postgresql_server, programs

SORTED = "SELECT count(*) FROM (SELECT repeat('x', 100) || g FROM {} g ORDER BY 1) sorted"
NUMBERS = "generate_series(1, 300000)"


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
def test_short_memory_peak_of_a_backend_is_measured() -> None:
    with postgresql_server() as server, psycopg.connect(server.url) as client:
        client.execute("SET work_mem = '256MB'")
        with peak_of(server.pid) as idle:
            client.execute("SELECT pg_sleep(0.5)")
        with peak_of(server.pid) as sorting:
            client.execute(SORTED.format(NUMBERS))
        assert 0 < idle.backends < idle.server
        assert sorting.backends > idle.backends + 20
