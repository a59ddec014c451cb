# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ten million followers: planned for real, sent to a sample, extrapolated for the rest."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench import machine, peers
from bench.growth import KEY, Installation
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import CannotRunError, Measured, Measurement, interleaved, progress
from tests.postgresql_server import postgresql_server

NAME = "scale"
TITLE = "Scale: ten million followers"

FOLLOWERS, QUICK_FOLLOWERS = 10_000_000, 500_000
# Followers added per round; those before are real, with addresses that open.
SAMPLE, QUICK_SAMPLE = 100_000, 10_000
MAX_ROUNDS = 3
# Disk per follower: 0.95 KB measured, and as much again while it is filled.
BYTES_A_FOLLOWER = 2_000

COLUMNS = (
    Column("planning", "publishing, s", 2),
    Column("plan_cpu", "its CPU, s", 2),
    Column("plan_peak", "its peak memory, MB"),
    Column("cpu", "worker's CPU, µs per address", 1),
    Column("peak", "its peak memory, MB"),
    Column("gigabytes", "database, GB", 1),
)


def run(rounds: int, quick: bool) -> Part:
    followers = QUICK_FOLLOWERS if quick else FOLLOWERS
    sample = QUICK_SAMPLE if quick else SAMPLE
    measured = _measured(followers, sample, min(rounds, MAX_ROUNDS))
    (name, values), *_ = measured.items()
    return Part(
        NAME,
        TITLE,
        tables=[Table("PostgreSQL", COLUMNS, [Row(name, values)])],
        figures=[
            Figure(f"publishing to {followers:,}", values["planning"], digits=1, unit="s"),
            Figure(
                f"extrapolated from the sample, 1 : {followers // sample}: bookkeeping of all",
                [seconds * followers / 1e6 for seconds in values["cpu"]],
                digits=0,
                unit="s of CPU",
            ),
        ],
        notes=(
            f"{followers:,} followers in a real table, of which the first {sample:,} have "
            "addresses that open; the others are rows of the same length. The post is planned for "
            f"all of them by the real planner; after {sample:,} messages the worker is stopped. "
            "The transport accepts each message at once: part `push` measures encryption and "
            "network, docs/scale.md adds it all up.",
            f"At most {MAX_ROUNDS} rounds; each publishes another post.",
        ),
        versions=machine.debian_versions("postgresql"),
    )


def _measured(followers: int, sample: int, rounds: int) -> Measured:
    peers.debian("postgresql")
    _check_room(followers)
    with postgresql_server() as server, tempfile.TemporaryDirectory() as folder:
        made = Installation(
            followers,
            {
                "CANALE_DATA": folder,
                "CANALE_SECRET_KEY": KEY,
                "CANALE_DATABASE_URL": server.url,
            },
        )
        progress(f"scale: {followers:,} followers")
        made.step("prepare")
        made.step("seed", sample)
        made.step("fill", followers)
        return interleaved({f"{followers:,} followers": lambda: _round(made, sample)}, rounds)


def _check_room(followers: int) -> None:
    room = shutil.disk_usage(Path(tempfile.gettempdir())).free
    if room < followers * BYTES_A_FOLLOWER:
        needed = followers * BYTES_A_FOLLOWER // 2**30
        raise CannotRunError(f"part scale needs {needed} GiB in {tempfile.gettempdir()}")


def _round(made: Installation, sample: int) -> Measurement:
    planned = made.step("plan", 1)
    delivered = made.step("deliver", sample)
    made.step("abandon")
    return {
        "planning": planned["seconds"],
        "plan_cpu": planned["cpu"],
        "plan_peak": planned["peak"],
        "cpu": delivered["cpu"] / delivered["sent"] * 1e6,
        "peak": delivered["peak"],
        "gigabytes": made.step("size")["megabytes"] / 1024,
    }
