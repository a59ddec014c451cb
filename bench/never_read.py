# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Open pages as in real life: some reconnect all the time, one in a hundred never reads."""

from __future__ import annotations

from bench import live
from bench.live import FLOOR, NCHAN, OURS, PUSHPIN, Case
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import Measured, ratios

NAME = "never_read"
TITLE = "Live: pages that come and go, and pages that never read"

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

COLUMNS = (*live.COSTS, Column("anew", "came anew/s"), *live.LOSSES)
KEPT = (
    Column("kernel", "kernel keeps, KB each"),
    Column("open", "still kept for"),
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
    note = "" if case.paced else "Latencies at the highest rate, two events on their way."
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
        title = f"{case.title}: the kernel keeps for each that never reads, canale"
        figures.append(Figure(title, ours["kernel"], at_most=100, digits=0, unit="KB"))
    return figures


NOTES = (
    "Measured as in part `live`. Who comes anew closes its connection and opens another, at the "
    "rate that the table's title says; *came anew/s* says how many did.",
    "Who never reads asks for the stream, reads the first bytes of the answer, and has the "
    "smallest receive buffer there is. What the kernel keeps is the memory of the server's send "
    "queues (`ss -m`, w) a second after all others have all there is, also of connections that "
    "the server has closed, divided among all who never read; *still kept for* says for how many. "
    "What the server grew since all were connected is its own (PSS), with what it remembers of "
    "the events.",
)
