# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Open pages as in real life: some reconnect all the time, one in a hundred never reads."""

from __future__ import annotations

from bench import live
from bench.live import FLOOR, NCHAN, OURS, PUSHPIN, Case
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import Measured, ratios

NAME = "never_read"
TITLE = "Live: pages that reconnect, and pages that never read"

CASES = (
    Case(4_000, events=250, paced=15, churn=50),
    Case(8_000, events=200, paced=10, churn=50, stalled=10),
    # Large events: 6 MB in all, more than the kernel buffers per connection (tcp_wmem).
    Case(
        readers=500,
        events=800,
        paced=0,
        churn=50,
        stalled=10,
        event_bytes=8_000,
        without=(PUSHPIN,),
    ),
)
QUICK_CASES = (Case(200, events=300, paced=5, churn=50, stalled=10, event_bytes=8_000),)

COLUMNS = (*live.COSTS, Column("anew", "reconnects/s"), *live.LOSSES)
KEPT = (
    Column("kernel", "kernel buffers, KB each"),
    Column("open", "connections still buffered"),
    Column("server", "server grew, MB", 1),
)


def run(rounds: int, quick: bool) -> Part:
    by_case = live.in_turns(QUICK_CASES if quick else CASES, rounds)
    return Part(
        NAME,
        TITLE,
        tables=[_table(case, measured) for case, measured in by_case.items()],
        figures=[
            figure for case, measured in by_case.items() for figure in _figures(case, measured)
        ],
        notes=NOTES,
        versions=live.versions(),
        absent=live.absent(by_case),
    )


def _table(case: Case, measured: Measured) -> Table:
    rows = [Row(name, values) for name, values in measured.items()]
    note = "" if case.paced else "Latencies at the highest rate, with two events in flight."
    return Table(case.title, COLUMNS + KEPT if case.stalled else COLUMNS, rows, note)


def _figures(case: Case, measured: Measured) -> list[Figure]:
    ours = measured[OURS]
    figures = [
        Figure(
            f"{case.title}: deliveries/s, canale / {name}",
            ratios(ours["rate"], measured[name]["rate"]),
        )
        for name in (NCHAN, FLOOR, PUSHPIN)
    ]
    if case.stalled:
        title = f"{case.title}: kernel buffers per connection that never reads, canale"
        figures.append(Figure(title, ours["kernel"], at_most=100, digits=0, unit="KB"))
    return figures


NOTES = (
    "Measured as in part `live`. Reconnecting readers close their connection and open another, at "
    "the rate in the table's title; *reconnects/s* is the measured rate.",
    "Readers that never read request the stream, read the first bytes of the response, and have "
    "the smallest possible receive buffer. *Kernel buffers* is the memory of the server's send "
    "queues (`ss -m`, w) a second after all others have received everything, including "
    "connections that the server has closed, divided by the number of readers that never read; "
    "*connections still buffered* is their number. *Server grew* is the server's own memory (PSS) "
    "since all were connected, including its backlog of events.",
)
