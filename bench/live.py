# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fan-out of one event to thousands of open pages, beside nchan, pushpin and a bare write loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial

from bench import machine, process, streams
from bench.city import City, new_city
from bench.part import Column, Figure, Part, Row, Table
from bench.readers import Stream, readers_of
from bench.rounds import Measured, Measurement, Values, interleaved, progress, ratios

NAME = "live"
TITLE = "Live: one event to thousands of open pages"

EVENT_BYTES = 600
# Seconds to wait until everything in flight has arrived.
SETTLING = 1.0
Starter = Callable[[], AbstractContextManager[Stream]]


@dataclass(frozen=True)
class Case:
    """`churn`: reconnects per second of 1,000 readers. `stalled`: how many of 1,000 never read.

    `without`: peers for which the case would take minutes."""

    readers: int
    events: int
    paced: int
    churn: int = 0
    stalled: int = 0
    event_bytes: int = EVENT_BYTES
    without: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        more = [
            f", {self.churn / 10:g} % reconnecting every second" if self.churn else "",
            f", and 1 in {1000 // self.stalled} more that never reads" if self.stalled else "",
        ]
        large = f", events of {self.event_bytes:,} bytes"
        more.append(large if self.event_bytes != EVENT_BYTES else "")
        return f"{self.readers:,} connections" + "".join(more)


CASES = (
    Case(1_000, events=400, paced=40),
    Case(4_000, events=150, paced=20),
    Case(8_000, events=100, paced=15),
)
QUICK_CASES = (Case(500, events=100, paced=10),)
OURS, NCHAN, FLOOR, PUSHPIN = "canale", "nginx + nchan", "bare C write loop", "pushpin"
PEERS = (NCHAN, FLOOR, PUSHPIN)
PACKAGES = ("nginx", "libnginx-mod-nchan", "pushpin")

COSTS = (
    Column("rate", "deliveries/s"),
    Column("cpu", "server CPU µs per delivery", 2),
    Column("p50", "p50 ms", 1),
    Column("p99", "p99 ms", 1),
    Column("memory", "KB per connection", 1),
)
LOSSES = (Column("ended", "connections ended"), Column("lost", "deliveries lost"))
COLUMNS = (*COSTS, Column("again", "cut off at first"), *LOSSES)


def run(rounds: int, quick: bool) -> Part:
    by_case = in_turns(QUICK_CASES if quick else CASES, rounds)
    return Part(
        NAME,
        TITLE,
        tables=[_table(case, measured) for case, measured in by_case.items()],
        figures=[
            figure for case, measured in by_case.items() for figure in _figures(case, measured)
        ],
        notes=NOTES,
        versions=versions(),
        absent=absent(by_case),
    )


def in_turns(cases: Sequence[Case], rounds: int) -> dict[Case, Measured]:
    by_case = {}
    with ExitStack() as stack:
        city = stack.enter_context(new_city())
        starters = _contenders(city)
        for case in cases:
            progress(f"live: {case.title}")
            contenders = {
                name: partial(measure, start, case)
                for name, start in starters.items()
                if name not in case.without
            }
            measured = interleaved(contenders, rounds, peers=PEERS)
            for name in case.without:
                measured[name], measured.absent[name] = Values(), "it takes five minutes per round"
            by_case[case] = measured
    return by_case


def absent(by_case: Mapping[Case, Measured]) -> dict[str, str]:
    """Return why contenders did not run: by name, or by name and case if they ran in another."""
    never = set.intersection(*(set(measured.absent) for measured in by_case.values()))
    return {
        name if name in never else f"{name}, {case.title}": why
        for case, measured in by_case.items()
        for name, why in measured.absent.items()
    }


def versions() -> dict[str, str]:
    return machine.debian_versions(*PACKAGES) | machine.python_versions("uvicorn", "uvloop")


def _contenders(city: City) -> dict[str, Starter]:
    return {
        OURS: streams.canale(city),
        NCHAN: streams.nchan,
        FLOOR: streams.floor,
        PUSHPIN: streams.pushpin,
    }


def measure(start: Starter, case: Case) -> Measurement:
    """Run one case on one freshly started server."""
    with start() as server, readers_of(server, case.event_bytes) as readers:
        process.wait_until_idle(*server.pids)
        before = server.memory()
        stalled = case.readers * case.stalled // 1000
        again = readers.connect(case.readers, stalled)
        readers.request("flat 3 1")
        time.sleep(0.3)
        connected = server.memory()
        grown = connected - before
        values: dict[str, float] = {"memory": grown / 1024 / (case.readers + stalled)}
        readers.request(f"churn {case.churn}")
        if case.paced:
            paced = readers.request(f"paced {case.paced} 30")
            values |= {"p50": paced["p50"], "p99": paced["p99"]}
        used = process.cpu(*server.pids)
        flat = readers.request(f"flat {case.events} 2")
        used = process.cpu(*server.pids) - used
        values.setdefault("p50", flat["p50"])
        values.setdefault("p99", flat["p99"])
        if stalled:
            values |= _kept(server, stalled, connected)
        return values | {
            "again": again,
            "anew": flat["reconnects"] / flat["seconds"],
            "rate": flat["deliveries"] / flat["seconds"],
            "cpu": used / flat["deliveries"] * 1e6,
            "ended": flat["ended"],
            "lost": flat["lost"],
        }


def _kept(server: Stream, stalled: int, connected: int) -> Measurement:
    """For readers that never read, wait until all others have received everything."""
    time.sleep(SETTLING)
    queued = process.queued(server.port)
    return {
        "kernel": sum(queued) / 1024 / stalled,
        "open": sum(size > 0 for size in queued),
        "server": (server.memory() - connected) / 2**20,
    }


def _table(case: Case, measured: Measured) -> Table:
    rows = [Row(name, values) for name, values in measured.items()]
    note = "" if case.paced else "Latencies at the highest rate, with two events in flight."
    return Table(case.title, COLUMNS, rows, note)


def _figures(case: Case, measured: Measured) -> list[Figure]:
    ours, nchan = measured[OURS], measured[NCHAN]
    floor, pushpin = measured[FLOOR], measured[PUSHPIN]
    promised = case.readers == 8_000

    def figure(what: str, values: list[float], least: float | None = None) -> Figure:
        return Figure(f"{case.title}: {what}", values, at_least=least if promised else None)

    return [
        figure("deliveries/s, canale / nchan", ratios(ours["rate"], nchan["rate"]), 1.15),
        figure("deliveries/s, canale / bare loop", ratios(ours["rate"], floor["rate"]), 0.85),
        figure("deliveries/s, canale / pushpin", ratios(ours["rate"], pushpin["rate"])),
        figure("CPU per delivery, nchan / canale", ratios(nchan["cpu"], ours["cpu"])),
        figure("CPU per delivery, bare loop / canale", ratios(floor["cpu"], ours["cpu"])),
        Figure(
            f"{case.title}: memory per connection, canale",
            ours["memory"],
            at_most=3.0 if promised else None,
            unit="KB",
        ),
    ]


NOTES = (
    f"Events have {EVENT_BYTES} bytes on the wire where nothing else is said. `canale` is the "
    "whole `canale serve`; a process beside it commits each event to SQLite, and the way from "
    "there on is that of a post.",
    "Rate: the next event is published when all but one have arrived everywhere. Latency: from "
    "just before the event is published (for canale: before its transaction) to the reader's "
    "read, one event at a time.",
    "A reader that is cut off while all connect at once comes again, twice at most.",
    "CPU is that of all the server's processes and threads, including kernel time; on loopback "
    "that includes the receiving half of TCP. Memory is the server's own (PSS), without socket "
    "buffers in the kernel, which are empty while all read (part `never_read`).",
)
