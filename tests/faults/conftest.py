# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cities for the faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.broadcast import ENGINES, FEWER, SOAK, City, new_city
from tests.nats_server import PROGRAM

# In the short form each fault meets one engine (or database), this one where a test has several;
# none: it is left to the long form. `make soak` runs all.
SHORT_FORM = {
    "test_the_server_is_killed": "jetstream",
    "test_a_worker_is_killed": None,
    "test_all_processes_are_killed": "local",
    "test_the_broker_is_killed": None,
    "test_postgresql_falls_over": "jetstream",
    "test_sqlite_is_locked_for_long": None,
    "test_a_worker_ends_though_the_database_hangs": None,
    "test_the_clock_is_put": None,
    "test_a_machine_that_is_an_hour_ahead_takes_nothing_from_another_and_leaves_nothing_waiting": (
        "jetstream"
    ),
    "test_server_and_workers_are_restarted": None,
    "test_the_broker_is_frozen": None,
    "test_the_broker_is_killed_and_back": None,
    "test_each_batch_goes_through_the_stream_once": None,
    "test_workers_hidden_from_each_other": "sqlite",
    "test_what_is_read_and_not_begun_is_not_sent": "local",
}
ILL_SERVICES = "local"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SOAK:
        return
    left = [item for item in items if _is_long(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not _is_long(item)]


def _is_long(item: pytest.Item) -> bool:
    if item.path.parent != Path(__file__).parent or not isinstance(item, pytest.Function):
        return False
    name, brackets = item.originalname, item.name.partition("[")[2].rstrip("]")
    chosen = SHORT_FORM.get(name, ILL_SERVICES if "ill_push" in item.path.name else "")
    if chosen is None:
        return True
    return bool(chosen and brackets) and chosen not in brackets.split("-")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "jetstream" and not PROGRAM:
        pytest.skip("nats-server is not installed (apt-get install nats-server)")
    return name


@pytest.fixture
def city(tmp_path: Path, engine: str) -> Iterator[City]:
    with new_city(tmp_path, engine) as made:
        yield made


@pytest.fixture
def small_city(tmp_path: Path, engine: str) -> Iterator[City]:
    with new_city(tmp_path, engine, followers=FEWER) as made:
        yield made
