# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reactions a second, each acknowledged after its commit."""

from __future__ import annotations

from bench import acknowledged, machine, peers
from bench.city import new_city
from bench.part import Figure, Part

NAME = "react"
TITLE = "Reactions"


def run(rounds: int, quick: bool) -> Part:
    peers.debian("wrk")
    with new_city() as city, city.serving():
        post = city.fill(1)[0]
        call = acknowledged.Call("PUT", f"/posts/{post}/reaction", '{"emoji": "👍"}', 200)
        measured = acknowledged.in_turns(city, call, rounds, quick)
    return Part(
        NAME,
        TITLE,
        tables=[acknowledged.table("PUT posts/{id}/reaction, all on one post", measured)],
        figures=[
            Figure("reactions acknowledged a second", acknowledged.best(measured), 3_000, digits=0)
        ],
        notes=NOTES,
        versions=machine.debian_versions("wrk"),
    )


NOTES = (
    "Each request is a new reader's, on one post: the worst case for its counters. The server (web "
    "process, workers, scheduler) has one core; SQLite, with its commits on this machine's disk.",
)
