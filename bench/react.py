# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rate of reactions, each acknowledged after its commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench import acknowledged, machine, peers, steady_load
from bench.city import HANDLE, City, new_city
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import Measured, Measurement, interleaved, percentile
from bench.steady_load import Stream

NAME = "react"
TITLE = "Reactions"
BODY = '{"emoji": "👍"}'
# Rates of pages and reactions on a busy evening.
PAGES_PER_SECOND = 200
REACTIONS_PER_SECOND = 50
PAGE_SECONDS, QUICK_PAGE_SECONDS = 10, 3
ALONE, WHILE_READERS_REACT = "pages alone", f"{REACTIONS_PER_SECOND} reactions/s beside them"


def run(rounds: int, quick: bool) -> Part:
    peers.debian("wrk")
    with new_city() as city, city.serving():
        post = city.fill(1)[0]
        call = acknowledged.Call("PUT", f"/posts/{post}/reaction", BODY, 200)
        measured = acknowledged.in_turns(city, call, rounds, quick)
        pages = _pages(city, post, rounds, QUICK_PAGE_SECONDS if quick else PAGE_SECONDS)
    return Part(
        NAME,
        TITLE,
        tables=[
            acknowledged.table("PUT posts/{id}/reaction, all on one post", measured),
            Table(
                f"{PAGES_PER_SECOND} channel pages/s",
                (Column("p50", "p50 ms", 1), Column("p99", "p99 ms", 1)),
                [Row(name, values) for name, values in pages.items()],
            ),
        ],
        figures=[
            Figure(
                "reactions acknowledged per second", acknowledged.best(measured), 3_000, digits=0
            ),
            Figure(
                f"p99 of {PAGES_PER_SECOND} pages/s, {WHILE_READERS_REACT}",
                pages[WHILE_READERS_REACT]["p99"],
                at_most=50,
                digits=1,
                unit="ms",
            ),
        ],
        notes=NOTES,
        versions=machine.debian_versions("wrk"),
    )


def _pages(city: City, post: int, rounds: int, seconds: float) -> Measured:
    """Measure the channel's page at a steady rate, with and without concurrent reactions."""
    page = Stream(PAGES_PER_SECOND, "GET", f"/c/{HANDLE}/")
    path = f"/api/v1/posts/{post}/reaction"
    reaction = Stream(REACTIONS_PER_SECOND, "PUT", path, acknowledged.HEADERS, BODY)
    latency = partial(_page_latency, city.site.port, seconds)
    contenders: dict[str, Callable[[], Measurement]] = {
        ALONE: partial(latency, {"page": page}),
        WHILE_READERS_REACT: partial(latency, {"page": page, "react": reaction}),
    }
    return interleaved(contenders, rounds)


def _page_latency(port: int, seconds: float, streams: Mapping[str, Stream]) -> Measurement:
    latencies = steady_load.send(port, streams, seconds)["page"]
    return {"p50": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99)}


NOTES = (
    "Each request comes from a new reader, on one post: the worst case for its counters. The "
    "server (web process, workers, scheduler) has one core; SQLite commits to this machine's "
    "disk.",
    "Pages and reactions that come at a steady rate are timed from when each was due, by one "
    "client; the reactions do not make the page render again.",
)
