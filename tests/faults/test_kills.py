# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of each process, at any moment of a broadcast. `make soak` kills each fifty times."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import count

import pytest

from tests.faults.broadcast import KILLS, City

pytestmark = pytest.mark.slow

# A kill falls within so many seconds of the post, or of the kill before it: all of a broadcast.
WITHIN_SECONDS = 2.5


def kill_them(city: City, kill: Callable[[], int]) -> None:
    """As many kills as asked for, over as many posts as that takes."""
    left = KILLS
    for number in count(1):
        broadcast = city.publish(f"Avviso {number}")
        windows = 0
        while left and len(broadcast.told()) < city.followers:
            time.sleep(random.uniform(0.0, WITHIN_SECONDS))
            windows += kill()
            left -= 1
            if random.random() < 0.5:
                break
        broadcast.all_are_told(killed=windows)
        if not left:
            return


def test_the_server_is_killed(city: City) -> None:
    kill_them(city, city.kill_server)


def test_a_worker_is_killed(city: City) -> None:
    kill_them(city, city.kill_worker)


def test_all_processes_are_killed(city: City) -> None:
    kill_them(city, city.kill_everything)


@pytest.mark.parametrize("engine", ["jetstream"], indirect=True)
def test_the_broker_is_killed(city: City) -> None:
    kill_them(city, city.kill_broker)
