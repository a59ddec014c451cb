# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rate of follows, each acknowledged after its commit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Sequence

from bench import acknowledged, machine, peers
from bench.acknowledged import Call
from bench.city import HANDLE, new_city
from bench.part import Figure, Part
from tests.standins.push_service import PushService

NAME = "follow"
TITLE = "Follows"


def run(rounds: int, quick: bool) -> Part:
    peers.debian("wrk")
    with PushService() as push, new_city(CANALE_PUSH_ORIGINS=push.origin) as city, city.serving():
        bare = Call("POST", f"/channels/{HANDLE}/followers", "{}", 201)
        known = push.subscribe()[0]
        # Many devices share one key, because only a sender computes with it.
        device = {**known, "endpoint": f"{push.origin}/push/%d-{os.getpid()}"}
        phone = Call("POST", bare.path, json.dumps({"push": device}), 201)
        without = acknowledged.in_turns(city, bare, rounds, quick)
        with stopped(city.site.workers()):
            having = acknowledged.in_turns(city, phone, rounds, quick)
    return Part(
        NAME,
        TITLE,
        tables=[
            acknowledged.table("POST channels/{handle}/followers, without an address", without),
            acknowledged.table("The same with a push subscription", having),
        ],
        figures=[
            Figure("follows acknowledged per second", acknowledged.best(without), digits=0),
            Figure("with a push subscription", acknowledged.best(having), digits=0),
        ],
        notes=NOTES,
        versions=machine.debian_versions("wrk"),
    )


@contextlib.contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


NOTES = (
    "Each request comes from a new device. With a push subscription the address is sealed and a "
    "welcome planned in the same transaction; the workers that would send it are stopped, because "
    "part `push` measures sending. The server has one core; SQLite is on this machine's disk.",
)
