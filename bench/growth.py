# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The growth of time, memory and disk from ten thousand followers to a million."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench import machine, peers
from bench.part import Column, Figure, Part, Row, Table
from bench.peak import Peak, peak_of
from bench.process import SERVER_CORE, on_core
from bench.rounds import CannotRunError, Measured, Measurement, interleaved, progress, ratios
from tests.postgresql_server import postgresql_server

NAME = "growth"
TITLE = "Growth: from 10,000 to 1,000,000 followers"

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = SIZES[:2]
# Posts per round, enough to send for some seconds even to few followers.
ADDRESSES_PER_ROUND = 100_000
# A round of a million takes minutes, and its values hardly vary.
MAX_ROUNDS = 3
DATABASES = ("SQLite", "PostgreSQL")
MEMORIES = (
    ("plan_peak", "memory of planning"),
    ("peak", "memory of the worker"),
    ("plan_backends", "memory of PostgreSQL's backends, planning"),
    ("backends", "memory of PostgreSQL's backends, sending"),
)
KEY = "a key for the growth, long enough for it"

COLUMNS = (
    Column("planning", "publishing, s", 3),
    Column("plan_peak", "its peak memory, MB"),
    Column("wall", "µs per address", 1),
    Column("cpu", "worker's CPU, µs per address", 1),
    Column("peak", "its peak memory, MB"),
    Column("megabytes", "database, MB"),
)
POSTGRESQL_COLUMNS = (
    *COLUMNS,
    Column("plan_backends", "its backends' peak while publishing, MB", 1),
    Column("backends", "while sending, MB", 1),
    Column("server", "PostgreSQL's peak in all, MB"),
)

NOTES = (
    "The transport accepts each message at once, without encryption and network, whose cost does "
    "not depend on the number of followers (part `push`). The rest is measured: publishing with "
    "its plan, reading addresses, opening them, counting. Each step is a process of its own on "
    "one core; publisher and worker share that core only with PostgreSQL, which may use both.",
    "With fewer followers more posts are sent, at least "
    f"{ADDRESSES_PER_ROUND:,} messages per round, in at most {MAX_ROUNDS} rounds.",
    "PostgreSQL's memory is sampled ten times a second: the private memory of its backends (the "
    "processes that serve canale), and that of all its processes with `shared_buffers`, 64 MB "
    "here, which fill with the pages that are read (PSS).",
    "The database's size is measured after the first round, with one address of 420 bytes per "
    "follower.",
)


@dataclass(frozen=True)
class Installation:
    """A database with this many followers, and no running process."""

    followers: int
    environment: Mapping[str, str]
    postmaster: int | None = None
    """PostgreSQL's first process."""

    def step(self, act: str, *numbers: int) -> Measurement:
        command = [sys.executable, "-m", "bench.growth_job", act, *map(str, numbers)]
        done = subprocess.run(
            on_core(SERVER_CORE, command),
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        measured: Measurement = json.loads(done.stdout.splitlines()[-1])
        return measured

    def seed(self) -> None:
        progress(f"growth: {self.followers:,} followers")
        self.step("prepare")
        self.step("seed", self.followers)

    def measure(self) -> Measurement:
        posts = max(1, ADDRESSES_PER_ROUND // self.followers)
        with self._watched() as planning:
            planned = self.step("plan", posts)
        with self._watched() as delivering:
            delivered = self.step("deliver")
        if delivered["sent"] != posts * self.followers:
            raise CannotRunError(f"{delivered['sent']} of {posts} × {self.followers} were sent")
        return {
            "planning": planned["seconds"],
            "plan_peak": planned["peak"],
            "wall": delivered["seconds"] / delivered["sent"] * 1e6,
            "cpu": delivered["cpu"] / delivered["sent"] * 1e6,
            "peak": delivered["peak"],
            **self.step("size"),
            **_of_postgresql(planning, delivering),
        }

    def _watched(self) -> AbstractContextManager[Peak | None]:
        return nullcontext() if self.postmaster is None else peak_of(self.postmaster)


def _of_postgresql(planning: Peak | None, delivering: Peak | None) -> Measurement:
    if planning is None or delivering is None:
        return {}
    return {
        "plan_backends": planning.backends,
        "backends": delivering.backends,
        "server": max(planning.server, delivering.server),
    }


def run(rounds: int, quick: bool) -> Part:
    sizes = QUICK_SIZES if quick else SIZES
    rounds = min(rounds, MAX_ROUNDS)
    measured: dict[str, Measured] = {}
    absent = {}
    for name in DATABASES:
        try:
            measured[name] = _grown(name, sizes, rounds)
        except CannotRunError as why:
            absent[name] = str(why)
            progress(f"growth: {name} does not run: {why}")
    return Part(
        NAME,
        TITLE,
        tables=[
            Table(name, _columns(name), [Row(size, values) for size, values in of_sizes.items()])
            for name, of_sizes in measured.items()
        ],
        figures=[
            figure
            for name, of_sizes in measured.items()
            for figure in _figures(name, list(of_sizes.values()), sizes)
        ],
        notes=NOTES,
        absent=absent,
        versions={
            **machine.debian_versions("postgresql"),
            **machine.python_versions("pysqlite3", "psycopg"),
        },
    )


def _columns(database: str) -> Sequence[Column]:
    return COLUMNS if database == "SQLite" else POSTGRESQL_COLUMNS


def _grown(database: str, sizes: Sequence[int], rounds: int) -> Measured:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="canale-growth-")))
        contenders: dict[str, Callable[[], Measurement]] = {}
        for size in sizes:
            address, postmaster = stack.enter_context(_database(database))
            made = Installation(
                size,
                {"CANALE_DATA": str(folder / str(size)), "CANALE_SECRET_KEY": KEY, **address},
                postmaster,
            )
            made.seed()
            contenders[f"{size:,} followers"] = made.measure
        return interleaved(contenders, rounds)


@contextmanager
def _database(name: str) -> Iterator[tuple[dict[str, str], int | None]]:
    """Return the database's URL and PostgreSQL's main process."""
    if name == "SQLite":
        yield {}, None
        return
    peers.debian("postgresql")
    with postgresql_server() as server:
        yield {"CANALE_DATABASE_URL": server.url}, server.pid


def _figures(
    database: str, measured: Sequence[Mapping[str, Sequence[float]]], sizes: Sequence[int]
) -> list[Figure]:
    """Compare the most followers with the fewest."""
    few, many = measured[0], measured[-1]
    most = f"{sizes[-1]:,}"
    grown = f"{most} ÷ {sizes[0]:,} followers"
    return [
        Figure(f"{database}: publishing to {most}", many["planning"], at_most=2, unit="s"),
        *(
            Figure(f"{database}: {what}, {grown}", ratios(many[key], few[key]), at_most=1.1)
            for key, what in (("wall", "time per address"), ("cpu", "CPU per address"))
        ),
        *(
            Figure(
                f"{database}: {what}, {most} more than {sizes[0]:,}",
                [more - less for more, less in zip(many[key], few[key], strict=True)],
                at_most=50,
                digits=1,
                unit="MB",
            )
            for key, what in MEMORIES
            if many[key]
        ),
    ]
