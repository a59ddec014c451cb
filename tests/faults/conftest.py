# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cities for the faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.broadcast import ENGINES, FEWER, City, new_city
from tests.nats_server import PROGRAM


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
