# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every process is stopped politely and started again in the middle of a broadcast."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.amid import Fault
from tests.faults.broadcast import FEWER, City, new_city
from tests.nats_server import needs_nats
from tests.postgresql_server import postgresql_server, programs
from tests.reader import ReturningReader
from tests.site import HANDLE, Site
from tests.waiting import wait_until
from tests.worker_node import start_worker, workers_up

# Settings that the nodes of one city share.
COMMON = ("SECRET_KEY", "DATABASE_URL", "NATS_URL", "PUSH_ORIGINS", "WORKERS", "BASE_URL")


@pytest.mark.long
def test_broadcast_survives_restarts_of_server_and_workers(small_city: City) -> None:
    web = WebNode(small_city.site)
    first = small_city.publish_in_batches("Riavvio", fault=Fault(web.request_stop))
    web.restart()

    def stop_workers() -> None:
        """They finish what is on its way, and hand back the rest."""
        for worker in web.site.workers():
            os.kill(worker, signal.SIGTERM)

    second = small_city.publish_in_batches("Altri", fault=Fault(stop_workers))
    first.all_are_told(killed=0)
    second.all_are_told(killed=0)


class Node(Protocol):
    def request_stop(self) -> None:
        """Send SIGTERM, as systemd does."""

    def restart(self) -> None:
        """Once it has ended, which it was told."""


class WebNode:
    """`canale serve` alone, or with workers of its own."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def request_stop(self) -> None:
        assert self.site.server is not None
        self.site.server.send_signal(signal.SIGTERM)

    def restart(self) -> None:
        assert self.site.server is not None
        assert self.site.server.wait(30) == 0
        self.site.stop()
        self.site.start()


class WorkerNode:
    """`canale worker`."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / f"{name}.log"
        self._environment = {**environment, "CANALE_DATA": str(folder / name)}
        self._start()

    def _start(self) -> None:
        self._process = start_worker(self._environment, self._log)
        wait_until(lambda: self._process.poll() is not None or workers_up(self._environment))

    def request_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def restart(self) -> None:
        assert self._process.wait(30) == 0, self._log.read_text()
        self._start()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def several_nodes(folder: Path) -> Iterator[tuple[City, list[WebNode], list[WorkerNode]]]:
    """Two web nodes, two workers, PostgreSQL and NATS."""
    with ExitStack() as stack:
        database = stack.enter_context(postgresql_server())
        settings = {"CANALE_DATABASE_URL": database.url, "CANALE_WORKERS": "0"}
        made = new_city(folder, "jetstream", followers=FEWER, **settings)
        city = stack.enter_context(made)
        names = [f"CANALE_{name}" for name in COMMON]
        common = {name: city.site.environment[name] for name in names}
        (folder / "two").mkdir()
        two = Site(folder / "two", common)
        two.start()
        stack.callback(two.stop)
        workers = []
        for name in ("worker-1", "worker-2"):
            workers.append(WorkerNode(name, folder, {**os.environ, **common}))
            stack.callback(workers[-1].end)
        yield city, [WebNode(city.site), WebNode(two)], workers


@pytest.mark.long
@needs_nats
@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
def test_broadcast_survives_a_rolling_restart_of_all_nodes(tmp_path: Path) -> None:
    with several_nodes(tmp_path) as (city, webs, workers):
        streams = [f"{web.site.url}/live/{HANDLE}" for web in webs]
        nodes: list[Node] = [*workers, *webs]
        with ReturningReader(*streams) as reader, ReturningReader(*streams[::-1]) as other:
            broadcasts = []
            for number, node in enumerate(nodes):
                fault = Fault(node.request_stop)
                broadcasts.append(city.publish_in_batches(f"Avviso {number}", fault=fault))
                node.restart()
            for broadcast in broadcasts:
                broadcast.all_are_told(killed=0)
            posts = [broadcast.post for broadcast in broadcasts]
            for each in (reader, other):
                # Thrown out at least once, and back elsewhere after a pause.
                wait_until(partial(has_all, each, posts))
                assert each.posts == posts, "nothing is missing, nothing came twice"


def has_all(reader: ReturningReader, posts: list[int]) -> bool:
    return reader.openings >= 2 and len(reader.posts) >= len(posts)
