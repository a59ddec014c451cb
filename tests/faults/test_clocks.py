# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The wall clock of a machine is put forward or back by an hour in the middle of a broadcast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.broadcast import ENGINES, SOAK, City, new_city
from tests.standins.push_service import Behaviour

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not LIBRARIES, reason="faketime is not installed (apt-get install faketime)"
    ),
]


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """What it says, everybody's wall clock is ahead by: libfaketime reads it every time."""
    path = tmp_path / "clock"
    path.write_text("+0\n")
    return path


@pytest.fixture
def city(tmp_path: Path, engine: str, clock: Path) -> Iterator[City]:
    with new_city(
        tmp_path,
        engine,
        LD_PRELOAD=str(LIBRARIES[0]),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    ) as made:
        yield made


@pytest.mark.parametrize("engine", ENGINES if SOAK else ["local"], indirect=True)
@pytest.mark.parametrize("step", ["-3600", "+3600"] if SOAK else ["-3600"])
def test_the_clock_is_put(city: City, clock: Path, step: str) -> None:
    # Some are put off before the step, and are due after it.
    city.push.behave(Behaviour(status=503, times=5))
    broadcast = city.publish()
    broadcast.midway()
    clock.write_text(f"{step}\n")
    # Both are workers that take each other for dead: the lease is over, or never ends.
    broadcast.all_are_told(killed=2, seconds=240)
    page = httpx.get(city.site.channel).text
    assert broadcast.title in page
