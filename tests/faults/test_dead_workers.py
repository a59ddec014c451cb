# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Workers that see nothing of each other, as in units and containers.

None loses its batches while it runs, and those of one that is killed go to the next in its slot.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from canale.delivery.leases import BATCH_LEASE
from tests.faults.broadcast import Broadcast, City, new_city
from tests.postgresql_server import postgresql_server, programs
from tests.standins.push_service import Behaviour
from tests.waiting import wait_until
from tests.worker_node import worker_node, workers_up

# Root needs no namespace of users, in which it could not open the database of another user.
USERS = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
APART = ["unshare", *USERS, "--pid", "--fork", "--mount-proc", "--"]


def _possible() -> bool:
    try:
        return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = [
    pytest.mark.skipif(not _possible(), reason="namespaces of users and processes are not allowed"),
]


@dataclass
class HiddenWorker:
    """`canale worker` as the first process of a world of its own; `pid` is its number in ours."""

    pid: int
    outer: subprocess.Popen[bytes]

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        if self.outer.poll() is None:
            self.send(signal.SIGKILL)
            self.outer.wait()


@contextmanager
def hidden_worker(city: City) -> Iterator[HiddenWorker]:
    before = workers_up(city.site.environment)
    log = city.site.folder / "hidden.log"
    with worker_node(city.site.environment, log, inside=APART) as outer:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        worker = HiddenWorker(int(wait_until(children.read_text)), outer)
        try:
            wait_until(lambda: workers_up(city.site.environment) - before)
            yield worker
        finally:
            worker.kill()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    """Without workers of its own."""
    if request.param == "sqlite":
        with new_city(tmp_path, "local", CANALE_WORKERS="0") as made:
            yield made
        return
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with (
        postgresql_server() as server,
        new_city(tmp_path, "local", CANALE_WORKERS="0", CANALE_DATABASE_URL=server.url) as made,
    ):
        yield made


def claims(city: City) -> set[tuple[int, str]]:
    """Batches that are claimed, and by which worker."""
    return {(batch, worker) for batch, worker in city.site.inside("claims")}


def stopped_midway(broadcast: Broadcast, *workers: HiddenWorker) -> set[tuple[int, str]]:
    """They hold what is returned, and do nothing."""
    broadcast.midway()
    for worker in workers:
        worker.send(signal.SIGSTOP)
    held = claims(broadcast.city)
    assert held
    return held


@pytest.mark.long
def test_workers_in_separate_pid_namespaces_are_not_taken_for_dead(city: City) -> None:
    city.push.behave(Behaviour(delay=0.2))
    with hidden_worker(city) as one, hidden_worker(city) as other:
        spaces = [Path(f"/proc/{pid}/ns/pid").readlink() for pid in ("self", one.pid, other.pid)]
        assert len(set(spaces)) == 3
        first = city.publish_in_batches()
        first.midway()
        with hidden_worker(city):
            # It releases what its own name holds, and nothing of theirs: nobody is told twice.
            first.all_are_told()
        second = city.publish_in_batches("Il Po scende")
        stopped_midway(second, one, other)
        one.kill()
        other.kill()
    city.push.behave(Behaviour())
    # Each has the name of one of them.
    with hidden_worker(city), hidden_worker(city):
        second.all_are_told(killed=2)


@pytest.mark.parametrize("city", ["sqlite"], indirect=True)
def test_next_worker_releases_batches_of_dead_ones_without_a_server(city: City) -> None:
    city.push.behave(Behaviour(delay=0.2))
    broadcast = city.publish_in_batches()
    city.site.stop()
    with hidden_worker(city) as one:
        held = stopped_midway(broadcast, one)
        one.kill()
    killed_at = time.monotonic()
    city.push.behave(Behaviour())
    with hidden_worker(city):
        # None of its batches is still as it was, long before its lease ends.
        wait_until(lambda: not held & claims(city))
        assert time.monotonic() - killed_at < BATCH_LEASE.total_seconds()
        city.site.start()
        broadcast.all_are_told(killed=1)
