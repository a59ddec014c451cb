# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of each process, at any moment of a broadcast. `make soak` kills each fifty times."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count

import pytest

from tests.faults.broadcast import KILLS, City, on_each_engine


def kill_them(city: City, kill: Callable[[], int]) -> None:
    """Kill as often as asked for, each time amid a broadcast, over as many posts as that takes; and
    once more when a post has been withdrawn."""
    done = 0
    for number in count(1):
        broadcast = city.publish_in_batches(f"Avviso {number}")
        windows = 0
        while done < KILLS and broadcast.at_a_random_moment():
            windows += kill()
            # Else it was over when the kill came, and that does not count.
            done += broadcast.is_under_way()
            city.start_what_is_down()
            if random.random() < 0.5:
                break
        broadcast.all_are_told(killed=windows)
        if done == KILLS:
            break
        assert number < 3 * KILLS
    withdrawn = city.publish("Ritirato")
    withdrawn.midway()
    withdrawn.withdraw()
    windows = kill()
    city.start_what_is_down()
    withdrawn.nobody_is_told_any_more(killed=windows)


@on_each_engine(short_form="jetstream")
def test_broadcast_survives_killed_servers(city: City) -> None:
    kill_them(city, city.kill_server)


@pytest.mark.long
def test_broadcast_survives_killed_workers(city: City) -> None:
    kill_them(city, city.kill_worker)


@on_each_engine(short_form="local")
def test_broadcast_survives_the_kill_of_all_processes(city: City) -> None:
    kill_them(city, city.kill_everything)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["jetstream"], indirect=True)
def test_broadcast_survives_killed_brokers(city: City) -> None:
    kill_them(city, city.kill_broker)
