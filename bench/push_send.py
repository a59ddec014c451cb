# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sending from the database (peers: a list in memory) to the push service's response."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.process import CLIENT_CORE, SERVER_CORE, cpu, end, on_core
from bench.push_encrypt import check, node_peer, python_peer
from bench.push_job import HEADLINE, TEXT, Job
from bench.push_sink import Sink
from bench.rounds import Measurement
from tests.site import HANDLE, Site, new_site

OURS = "canale worker, from the database"
OURS_TWICE = "2 canale workers on both cores, with the sink"
ONE_CALL, SESSION, ASYNC = "pywebpush, one call", "pywebpush, session", "pywebpush, aiohttp"
NODE = "npm web-push"
LIMIT = "h2load, ready-made bodies"
PEERS = (ONE_CALL, SESSION, ASYNC, NODE, LIMIT)

# A starting worker imports for about a second; then it sleeps between polls of the database.
QUIET = 0.4
QUIET_CPU = 0.02
PATIENCE = 120.0

Contenders = dict[str, Callable[[], Measurement]]


@contextmanager
def seeded(job: Job, sink: Sink, folder: Path) -> Iterator[Site]:
    """Create a city whose followers are the job's subscriptions, with no running process."""
    with new_site(folder, start=False, CANALE_PUSH_ORIGINS=sink.origin) as site:
        site.environment |= sink.trust
        site.inside("follow", job.subscriptions)
        yield site


def contenders(job: Job, path: Path, sink: Sink, site: Site, counts: dict[str, int]) -> Contenders:
    """`counts` are the messages of each peer; canale sends to all followers."""

    def peer(name: str, way: str) -> Measurement:
        return by_peer(python_peer(path, way), counts[name], job, sink)

    return {
        LIMIT: lambda: by_h2load(job, path, sink, counts[LIMIT]),
        OURS: lambda: by_canale(job, site, sink, [SERVER_CORE]),
        ONE_CALL: lambda: peer(ONE_CALL, "one_call"),
        SESSION: lambda: peer(SESSION, "requests"),
        ASYNC: lambda: peer(ASYNC, "aiohttp"),
        NODE: lambda: by_peer(node_peer(path, "send"), counts[NODE], job, sink),
        OURS_TWICE: lambda: by_canale(job, site, sink, [SERVER_CORE, CLIENT_CORE]),
    }


def by_h2load(job: Job, path: Path, sink: Sink, count: int) -> Measurement:
    """Measure the sink with a C program that sends: it must be far above all senders."""
    body = path.with_name("body")
    body.write_bytes(os.urandom(len(job.payload.encode()) + 103))
    url = job.subscriptions[0]["endpoint"]
    command = ["h2load", "-n", str(count), "-c", "2", "-m", "100", "-d", str(body), url]
    sink.reset()
    before = sink.cpu()
    h2load = subprocess.run(
        on_core(SERVER_CORE, command), capture_output=True, text=True, check=True
    )
    match = re.search(r"finished in .*, ([\d.]+) req/s", h2load.stdout)
    assert match, h2load.stdout
    # Check that every message that the sender counted was answered with 201.
    assert f"{count} succeeded" in h2load.stdout, h2load.stdout
    assert sink.requests == count, sink.counts()
    return {"rate": float(match[1]), "sink": (sink.cpu() - before) / count * 1e6}


def by_peer(command: Iterable[str | Path], count: int, job: Job, sink: Sink) -> Measurement:
    """Let the peer send a few messages to warm up, then `count` on new connections."""
    sink.reset()
    done = subprocess.run(
        on_core(SERVER_CORE, [*command, str(count)]),
        env={**os.environ, **sink.trust},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    check(sink.last(), job, job.payload)
    counted = sink.counts()
    assert counted["requests"] >= count, counted
    return {
        "rate": count / result["wall"],
        "cpu": result["cpu"] / count * 1e6,
        "bytes": counted["bytes"] / counted["requests"],
        "connections": counted["connections"],
    }


def by_canale(job: Job, site: Site, sink: Sink, cores: list[int]) -> Measurement:
    """Measure `canale publish` beside idle workers, until everything is recorded."""
    with ExitStack() as running:
        workers = [running.enter_context(worker(site, core)) for core in cores]
        wait_until_quiet(workers)
        sink.reset()
        used, sunk = cpu(*workers), sink.cpu()
        publish(site)
        wait_for(lambda: sink.requests >= len(job.subscriptions))
        wait_until_quiet(workers)
        used, sunk = cpu(*workers) - used, sink.cpu() - sunk
    counted, count = sink.counts(), len(job.subscriptions)
    assert counted["requests"] == count, counted
    check(sink.last(), job, HEADLINE)
    return {
        "rate": count / (counted["last"] - counted["first"]),
        "cpu": used / count * 1e6,
        "sink": sunk / count * 1e6,
        "bytes": counted["bytes"] / count,
        "connections": counted["connections"],
    }


@contextmanager
def worker(site: Site, core: int) -> Iterator[int]:
    with (site.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            on_core(core, [sys.executable, "-m", "canale", "worker"]),
            env=site.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process.pid
        finally:
            end(process)


def publish(site: Site) -> None:
    """Run on the core that the worker does not use."""
    wording = ["--kind", "news", "--headline", HEADLINE, "--text", TEXT]
    command = [sys.executable, "-m", "canale", "publish", "--channel", HANDLE, *wording]
    done = subprocess.run(
        on_core(CLIENT_CORE, command),
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def wait_until_quiet(pids: list[int]) -> None:
    def quiet() -> bool:
        before = cpu(*pids)
        time.sleep(QUIET)
        return 0 < cpu(*pids) - before < QUIET_CPU * len(pids) or cpu(*pids) == before > QUIET

    wait_for(quiet)


def wait_for(true: Callable[[], bool]) -> None:
    end_of_patience = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end_of_patience, "the workers do not come to an end"
        time.sleep(0.05)
