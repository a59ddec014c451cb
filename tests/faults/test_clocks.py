# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The wall clock of a machine is put forward or back by an hour in the middle of a broadcast, or is
an hour ahead of another machine's all the time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.faults.broadcast import City, new_city, on_each_engine
from tests.postgresql_server import postgresql_server, programs
from tests.standins.push_service import Behaviour
from tests.waiting import wait_until
from tests.worker_node import worker_node

# A worker that claims it has the whole broadcast.
ONE_BATCH = 600
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))

pytestmark = [
    pytest.mark.skipif(
        not LIBRARIES, reason="faketime is not installed (apt-get install faketime)"
    ),
]


class Clock:
    """The wall clock of whoever is started in its environment: libfaketime reads the file every
    time."""

    def __init__(self, path: Path, step: str = "+0") -> None:
        self._path = path
        self.put(step)

    def put(self, step: str) -> None:
        self._path.write_text(f"{step}\n")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def city(tmp_path: Path, engine: str, clock: Clock) -> Iterator[City]:
    with new_city(tmp_path, engine, **clock.environment) as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize("step", ["-3600", "+3600"])
def test_broadcast_survives_a_clock_step(city: City, clock: Clock, step: str) -> None:
    # Some are put off before the step, and are due after it.
    city.push.behave(Behaviour(status=503, times=5))
    broadcast = city.publish()
    broadcast.midway()
    withdrawn = city.publish("Ritirato")
    withdrawn.withdraw()
    clock.put(step)
    # Both are workers that take each other for dead: the lease is over, or never ends.
    broadcast.all_are_told(killed=2, seconds=240)
    withdrawn.nobody_is_told_any_more(killed=2)
    page = httpx.get(city.site.channel).text
    assert broadcast.title in page


def worker(city: City, name: str, clock: Clock) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """On a machine that has a name and a clock of its own."""
    named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
    log = city.site.folder / f"{name}.log"
    return worker_node({**city.site.environment, **clock.environment}, log, inside=named)


@pytest.fixture
def wide_city(tmp_path: Path, engine: str) -> Iterator[City]:
    """Without workers of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a process a host name of its own")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql_server() as database:
        settings = {"CANALE_DATABASE_URL": database.url, "CANALE_WORKERS": "0"}
        with new_city(tmp_path, engine, followers=ONE_BATCH, **settings) as made:
            yield made


@pytest.mark.long
@on_each_engine(short_form="jetstream")
def test_worker_with_a_clock_an_hour_ahead_steals_and_delays_nothing(
    wide_city: City, clock: Clock, tmp_path: Path
) -> None:
    city, right = wide_city, Clock(tmp_path / "right")
    clock.put("+3600")
    # Slow enough for two workers to meet.
    city.push.behave(Behaviour(delay=1.0))
    with worker(city, "right", right):
        first = city.publish()
        wait_until(first.told)
        with worker(city, "ahead", clock):
            first.all_are_told(seconds=240)
    assert not first.sent_twice
    # Now it holds everything, and is lost. The other waits for its lease and its retries.
    city.push.behave(Behaviour(status=503, times=5))
    with worker(city, "ahead", clock) as lost:
        second = city.publish("Alla guida da sola", kind="alert")
        second.midway()
        lost.kill()
        assert second.is_under_way()
        withdrawn = city.publish("Ritirato")
        withdrawn.withdraw()
    with worker(city, "right", right):
        second.all_are_told(killed=1, seconds=240)
        withdrawn.nobody_is_told_any_more(killed=1)
