# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The nodes of part `cluster`, each in a network namespace; shared services are on the bridge."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.process import cpu, end, family
from bench.push_job import HEADLINE, TEXT, new_job
from bench.push_send import wait_for
from bench.push_sink import Sink, sink
from tests.nats_server import NatsServer
from tests.network import Machine, Network, network
from tests.postgresql_server import PostgresqlServer, postgresql_server
from tests.site import HANDLE, Site, new_site
from tests.waiting import wait_until

KEY = "a key for the cluster, long enough for it"
WEB_NODES = 2
PORT = 8000


@dataclass
class Cluster:
    site: Site
    sink: Sink
    database: PostgresqlServer
    broker: NatsServer
    web: list[Machine]
    workers: list[Machine]
    token: str

    @contextmanager
    def working(self, count: int) -> Iterator[list[int]]:
        """Start this many workers and return their process ids."""
        with ExitStack() as stack:
            yield [
                stack.enter_context(node(machine, self.site, "worker"))
                for machine in self.workers[:count]
            ]

    @contextmanager
    def page(self) -> Iterator[Future[float]]:
        """Wait for the next post on a page of the second web node; return the monotonic time."""
        with (
            httpx.Client(base_url=_url(self.web[1]), headers=self._host, timeout=60) as client,
            client.stream("GET", f"/live/{HANDLE}") as stream,
            ThreadPoolExecutor(1) as reading,
        ):
            yield reading.submit(_read_post, stream)

    def publish(self) -> None:
        answer = httpx.post(
            f"{_url(self.web[0])}/api/v1/channels/{HANDLE}/posts",
            json={"kind": "news", "headline": HEADLINE, "text": TEXT},
            headers={**self._host, "Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.status_code == 201, answer.text

    def wait_for_all(self, followers: int) -> None:
        wait_for(lambda: self.sink.requests >= followers)

    def used(self, workers: list[int]) -> dict[str, float]:
        """Return the seconds of CPU used so far."""
        return {
            "workers": cpu(*workers),
            "database": cpu(*family(self.database.pid)),
            "nats": cpu(self.broker.pid),
            "sink": self.sink.cpu(),
        }

    @property
    def _host(self) -> dict[str, str]:
        """Send the request that a reverse proxy before both nodes would forward."""
        return {"Host": f"{self.web[0].address}:{PORT}"}


@contextmanager
def new_cluster(folder: Path, followers: int, workers: int) -> Iterator[Cluster]:
    """Create the cluster with its web nodes serving and no worker running."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        database = stack.enter_context(postgresql_server(net))
        jetstream = f'jetstream {{ store_dir: "{folder}/jetstream" }}'
        broker = stack.enter_context(NatsServer(folder, jetstream, net.address))
        receiver = stack.enter_context(sink(folder, net.address))
        web = [net.machine(f"web-{number + 1}") for number in range(WEB_NODES)]
        site = stack.enter_context(_seeded(folder, net, database, broker, receiver, web[0]))
        site.inside("follow", new_job(receiver.origin, followers).subscriptions)
        for machine in web:
            stack.enter_context(node(machine, site, "serve"))
            _wait_until_ready(machine)
        machines = [net.machine(f"worker-{number + 1}") for number in range(workers)]
        yield Cluster(site, receiver, database, broker, web, machines, site.token())


@contextmanager
def _seeded(
    folder: Path,
    net: Network,
    database: PostgresqlServer,
    broker: NatsServer,
    receiver: Sink,
    first: Machine,
) -> Iterator[Site]:
    settings = {
        "CANALE_SECRET_KEY": KEY,
        "CANALE_DATABASE_URL": database.url,
        "CANALE_NATS_URL": broker.url,
        "CANALE_PUSH_ORIGINS": receiver.origin,
        "CANALE_WORKERS": "0",
    }
    with new_site(folder, start=False, **settings) as site:  # type: ignore[arg-type]
        site.environment |= {**receiver.trust, "CANALE_PORT": str(PORT)}
        site.environment["CANALE_BASE_URL"] = _url(first)
        yield site


@contextmanager
def node(machine: Machine, site: Site, role: str) -> Iterator[int]:
    """Start `canale serve` or `canale worker` on a node and return the process id."""
    command = [sys.executable, "-m", "canale", role]
    with (site.folder / f"{machine.name}.log").open("ab") as log:
        process = subprocess.Popen(
            machine.inside(command),
            env={**site.environment, "CANALE_HOST": machine.address},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process.pid
        finally:
            end(process)


def _url(machine: Machine) -> str:
    return f"http://{machine.address}:{PORT}"


def _wait_until_ready(machine: Machine) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"{_url(machine)}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, seconds=60)


def _read_post(stream: httpx.Response) -> float:
    for line in stream.iter_lines():
        if line.startswith("event: post"):
            return time.monotonic()
    raise AssertionError("the stream ended")
