# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""PostgreSQL falls over and comes back under a running canale, which nobody helps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.newsroom import Newsroom
from tests.postgresql_server import PostgresqlServer, postgresql_server, programs
from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]
FOLLOWERS = 10
# The limits of docs/operate.md: for one server, and for each worker.
SERVER_CONNECTIONS, WORKER_CONNECTIONS = 16, 4


@pytest.fixture
def database() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        yield server


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.mark.long
def test_site_recovers_on_its_own_after_a_postgresql_restart(
    database: PostgresqlServer, push: PushService, tmp_path: Path
) -> None:
    given = {"CANALE_DATABASE_URL": database.url, "CANALE_PUSH_ORIGINS": push.origin}
    with new_site(tmp_path, **given) as city:
        city.inside("follow", push.subscribe(FOLLOWERS))
        token = city.token()
        city.post(token, headline="Prima")
        push.wait_for(FOLLOWERS)
        assert "Prima" in httpx.get(city.channel, timeout=30).text
        assert connections(city, database) <= SERVER_CONNECTIONS + 2 * WORKER_CONNECTIONS

        press = Newsroom(city)
        assert ready(city).get("since") is None
        with Reader(f"{city.url}/live/{HANDLE}") as page:
            database.stop()
            # Pages are served from memory, and who watches over us is told.
            assert "Prima" in httpx.get(city.channel, timeout=10).text
            assert status(city) == 503
            assert ready(city)["database"] == "no answer"
            since = ready(city)["since"]["database"]
            for number in range(10):
                _is_away(post(city, token, f"Nel mezzo {number}"))
                _is_away(press.browser.get(press.home))
                _is_away(httpx.get(f"{city.url}/i/nobody", timeout=30))
            assert ready(city)["since"]["database"] == since
            database.start()
            wait_until(lambda: status(city) == 200)
            # Each of the threads that answer has its own dead connection to find out about.
            answers = [post(city, token, f"Dopo {number}") for number in range(10)]
            assert {answer.status_code for answer in answers} == {201}
            last = answers[-1].json()["id"]
            page.wait_for("post", last, seconds=30)
        push.wait_for(11 * FOLLOWERS, timeout=60)
        assert not push.refused
        assert city.server is not None
        assert city.server.poll() is None
        # Sessions survive.
        assert "Prima" in press.browser.get(press.home).text
        processes = 1 + len(city.workers())
        wait_until(lambda: city.log().count("Database recovered after") == processes)
        log = city.log()
        assert log.count("requests wait or return 503") == processes
        assert "Traceback" not in log
        assert len(log.splitlines()) < 20, log
        assert ready(city)["database"] == "ok"
        assert "since" not in ready(city)


def connections(site: Site, database: PostgresqlServer) -> int:
    """How many a busy site holds: each thread that asks keeps one."""
    with ThreadPoolExecutor(24) as many:
        cookie = {"Cookie": "canale_follower=" + "A" * 22}
        address = f"{site.api}/me"
        list(many.map(lambda _: httpx.get(address, headers=cookie, timeout=30), range(200)))
    with psycopg.connect(database.url) as ours:
        row = ours.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    print(f"connections: {row[0]}")
    return int(row[0])


def status(site: Site) -> int:
    return httpx.get(f"{site.url}/readyz", timeout=30).status_code


def ready(site: Site) -> dict[str, Any]:
    said: dict[str, Any] = httpx.get(f"{site.url}/readyz", timeout=30).json()
    return said


def _is_away(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "10"
    if answer.url.path.startswith("/api/"):
        assert answer.headers["Content-Type"] == "application/problem+json"
    else:
        assert "Torniamo subito" in answer.text


def post(site: Site, token: str, headline: str) -> httpx.Response:
    return httpx.post(
        f"{site.api}/channels/{HANDLE}/posts",
        json={"kind": "news", "headline": headline, "text": "Testo"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
