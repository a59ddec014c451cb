# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Workers on machines of their own, as far as the network goes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.broadcast import FOLLOWERS, City, new_city
from tests.network import Machine, Network, network
from tests.postgresql_server import postgresql_server
from tests.waiting import wait_until
from tests.worker_node import worker_node, workers_up


@dataclass
class FarWorker:
    """`canale worker`, and the machine that it is on."""

    machine: Machine
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def far_worker(
    net: Network, name: str, folder: Path, environment: dict[str, str]
) -> Iterator[FarWorker]:
    machine = net.machine(name)
    log = folder / f"{name}.log"
    with worker_node(environment, log, inside=machine.inside([])) as process:
        yield FarWorker(machine, process)


@contextmanager
def city_with_far_workers(
    folder: Path, engine: str, workers: int, followers: int = FOLLOWERS
) -> Iterator[tuple[City, list[FarWorker]]]:
    """On PostgreSQL; web node, database, broker and push service share the machine of the test."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        database = stack.enter_context(postgresql_server(net))
        settings = {"CANALE_DATABASE_URL": database.url, "CANALE_WORKERS": "0"}
        made = new_city(folder, engine, followers=followers, host=net.address, **settings)
        city = stack.enter_context(made)
        started = [
            stack.enter_context(far_worker(net, f"worker-{number}", folder, city.site.environment))
            for number in range(1, workers + 1)
        ]
        # Each has its part of the first broadcast.
        wait_until(lambda: len(workers_up(city.site.environment)) == workers)
        yield city, started
