# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two web nodes, up to three workers, PostgreSQL and NATS, each on a network of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from bench import machine, peers
from bench.cluster_nodes import Cluster, new_cluster
from bench.part import Column, Figure, Part, Row, Table
from bench.push_send import wait_until_quiet
from bench.rounds import CannotRunError, Measured, Measurement, interleaved, progress, ratios
from canale.delivery.window import WINDOW_ADDRESSES
from tests.faults.broadcast import City
from tests.faults.far_workers import FarWorker, city_with_far_workers

NAME = "cluster"
TITLE = "Cluster: workers on machines of their own"

WORKERS = (1, 2, 3)
FOLLOWERS, QUICK_FOLLOWERS = 30_000, 3_000
# One batch per worker that may be lost, and no more, because the push service is in Python here.
FAULT_WORKERS, FAULT_FOLLOWERS = 3, 6_000
BACK_AFTER_SECONDS = 5.0

COLUMNS = (
    Column("rate", "messages/s"),
    Column("workers", "workers' CPU, µs per message"),
    Column("database", "PostgreSQL's", 1),
    Column("nats", "NATS's", 1),
    Column("sink", "push service's", 1),
    Column("busy", "cores busy", 2),
    Column("page", "page open at the other web node, ms", 1),
)
FAULTS = (
    Column("told", "notified, %", 1),
    Column("twice", "notified twice"),
    Column("seconds", "all notified after, s", 1),
)

NOTES = (
    "Every node is a network namespace with an address and a host name of its own, on one bridge; "
    "web nodes run `canale serve` with `CANALE_WORKERS=0`, the others `canale worker`; with "
    "JetStream. **All share this machine's cores**, with PostgreSQL, NATS and the push service: "
    "if *cores busy* is close to the number of cores, another worker adds nothing here. Part "
    "`push` measures a worker on a core of its own; this table adds the cost of each message to "
    "the parts that all workers share.",
    "The rate is measured from the push service's first response to its last "
    "(bench/c/push_sink.c, TLS and HTTP/2). Posts are published at one web node, the page is open "
    "at the other.",
    "Faults: three workers; the push service is the tests' stand-in, which opens and counts every "
    "message. What a lost worker had claimed is taken over when its lease of 30 s ends; at most "
    f"{WINDOW_ADDRESSES} messages, one window, are sent twice. `tests/faults` does the same with "
    "both engines.",
)


def run(rounds: int, quick: bool) -> Part:
    _check_namespaces()
    peers.debian("postgresql", "nats-server", "iproute2")
    followers = QUICK_FOLLOWERS if quick else FOLLOWERS
    sent = _throughput(followers, rounds)
    survived = _faults(rounds)
    names = [_named(count) for count in WORKERS]
    single = sent[names[0]]
    return Part(
        NAME,
        TITLE,
        tables=[
            Table(f"{followers:,} followers", COLUMNS, [Row(name, sent[name]) for name in names]),
            Table(
                "A worker is lost midway",
                FAULTS,
                [Row(name, values) for name, values in survived.items()],
            ),
        ],
        figures=[
            *(
                Figure(f"{name} ÷ one: messages/s", ratios(sent[name]["rate"], single["rate"]))
                for name in names[1:]
            ),
            *(
                Figure(f"{name}: notified", values["told"], at_least=100, digits=1, unit="%")
                for name, values in survived.items()
            ),
            *(
                Figure(
                    f"{name}: notified twice", values["twice"], at_most=WINDOW_ADDRESSES, digits=0
                )
                for name, values in survived.items()
            ),
        ],
        notes=NOTES,
        versions=machine.debian_versions("postgresql", "nats-server"),
    )


def _check_namespaces() -> None:
    if os.geteuid() != 0:
        raise CannotRunError("only root may make network namespaces")
    tried = subprocess.run(
        ["unshare", "--net", "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise CannotRunError(f"no network namespaces here: {tried.stderr.strip()}")


def _named(workers: int) -> str:
    return f"{workers} worker{'' if workers == 1 else 's'}"


def _throughput(followers: int, rounds: int) -> Measured:
    with _folder() as name, new_cluster(Path(name), followers, max(WORKERS)) as cluster:
        contenders = {
            _named(count): (lambda n=count: _send(cluster, n, followers)) for count in WORKERS
        }
        return interleaved(contenders, rounds)


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="canale-cluster-")


def _send(cluster: Cluster, workers: int, followers: int) -> Measurement:
    with cluster.working(workers) as pids, cluster.page() as page:
        wait_until_quiet(pids)
        cluster.sink.reset()
        before = cluster.used(pids)
        begun = time.monotonic()
        cluster.publish()
        read_at = page.result(timeout=30)
        cluster.wait_for_all(followers)
        took = time.monotonic() - begun
        wait_until_quiet(pids)
        used = {name: now - before[name] for name, now in cluster.used(pids).items()}
    counted = cluster.sink.counts()
    if counted["requests"] != followers:
        raise CannotRunError(f"{counted['requests']} messages to {followers} followers")
    return {
        "rate": followers / (counted["last"] - counted["first"]),
        **{name: seconds / followers * 1e6 for name, seconds in used.items()},
        "busy": sum(used.values()) / took,
        "page": (read_at - begun) * 1e3,
    }


def _faults(rounds: int) -> Measured:
    contenders: dict[str, Callable[[], Measurement]] = {
        "killed": lambda: _lose(_kill),
        "cut off until all are notified": lambda: _lose(_cut_off),
        f"cut off for {BACK_AFTER_SECONDS:.0f} s": lambda: _lose(_cut_off_briefly),
    }
    return interleaved(contenders, rounds)


def _lose(lose: Callable[[FarWorker], None]) -> Measurement:
    progress("cluster: a worker is lost")
    with (
        _folder() as name,
        _far_city(Path(name)) as (city, workers),
    ):
        return _survive(city, workers[0], lose)


def _far_city(folder: Path) -> AbstractContextManager[tuple[City, list[FarWorker]]]:
    return city_with_far_workers(folder, "jetstream", FAULT_WORKERS, FAULT_FOLLOWERS)


def _survive(city: City, worker: FarWorker, lose: Callable[[FarWorker], None]) -> Measurement:
    broadcast = city.publish()
    broadcast.midway()
    lose(worker)
    broadcast.all_are_told(killed=1, seconds=180)
    seconds = time.monotonic() - broadcast.begun
    notified = len(broadcast.told())
    worker.machine.reconnect()
    return {
        "told": notified / city.followers * 100,
        "twice": broadcast.sent_twice,
        "seconds": seconds,
    }


def _kill(worker: FarWorker) -> None:
    worker.kill()


def _cut_off(worker: FarWorker) -> None:
    worker.machine.cut_off()


def _cut_off_briefly(worker: FarWorker) -> None:
    worker.machine.cut_off()
    time.sleep(BACK_AFTER_SECONDS)
    worker.machine.reconnect()
