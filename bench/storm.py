# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A crowd of open pages reconnects after a restart: duration, cost and losses.

The server is restarted, three posts are published and one is withdrawn, which empties its memory.
Then all reconnect within five seconds with the last number that they saw. The crowd is one Python
thread on the same cores.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

from bench import machine, process
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import Measurement, interleaved, percentile, progress
from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.crowd import Crowd, Page
from tests.waiting import wait_until

NAME = "storm"
TITLE = "Storm: all pages reconnect after a restart"

PAGES, QUICK_PAGES = 10_000, 1_000
WITHIN = 5.0
MISSED_POSTS = 3
# Seconds after which a page that is not served yet counts as lost.
PATIENCE = 60.0

# Each web process polls for new events once a second, besides being notified.
UNTIL_HEARD = 2.0

COLUMNS = (
    Column("p50", "page served again, p50 ms", 1),
    Column("p95", "p95 ms", 1),
    Column("p99", "p99 ms", 1),
    Column("most", "the last, ms", 1),
    Column("seconds", "all served after, s", 2),
    Column("failed", "attempts failed"),
    Column("unserved", "never served"),
    Column("wrong", "served something else"),
    Column("cpu", "server CPU µs per page"),
    Column("stop", "stop with all open, s", 1),
)


def run(rounds: int, quick: bool) -> Part:
    pages = QUICK_PAGES if quick else PAGES
    contenders = {"1 web process": partial(_storm, pages, 1)}
    if len(os.sched_getaffinity(0)) > 1:
        contenders["2 web processes"] = partial(_storm, pages, 2)
    measured = interleaved(contenders, rounds)
    title = f"{pages:,} pages within {WITHIN:g} s"
    return Part(
        NAME,
        TITLE,
        tables=[Table(title, COLUMNS, [Row(name, values) for name, values in measured.items()])],
        figures=[
            Figure(f"{name}: pages {what}", values[key], at_most=0, digits=0)
            for name, values in measured.items()
            for key, what in (("unserved", "never served"), ("wrong", "served something else"))
        ],
        notes=NOTES,
        versions=machine.python_versions("uvicorn", "uvloop"),
    )


def _storm(pages: int, processes: int) -> Measurement:
    progress(f"storm: {pages:,} pages, {processes} web processes")
    settings = {"CANALE_WEB_PROCESSES": str(processes), "CANALE_WORKERS": "0"}
    with (
        tempfile.TemporaryDirectory(prefix="canale-bench-") as folder,
        new_site(Path(folder), **settings) as site,  # type: ignore[arg-type]
    ):
        seen, stop = _leave(site, pages)
        site.start()
        wait_until(lambda: site.listeners() == processes)
        return _come_back(site, pages, seen) | {"stop": stop}


def _leave(site: Site, pages: int) -> tuple[int, float]:
    """Stop the server; return the last number that all have seen, and the seconds it took."""
    with Crowd(site.port, HANDLE) as crowd:
        crowd.come(pages, within=WITHIN)
        crowd.until(lambda: all(page.opened for page in crowd.pages), seconds=120)
        site.post(site.token())
        crowd.until(lambda: all(page.ids for page in crowd.pages), seconds=120)
        start = time.monotonic()
        stopping = threading.Thread(target=site.stop)
        stopping.start()
        crowd.until(lambda: all(page.line is None for page in crowd.pages), seconds=60)
        stopping.join()
        return crowd.pages[0].ids[-1], time.monotonic() - start


def _come_back(site: Site, pages: int, seen: int) -> dict[str, float]:
    missed = _published(site, seen)
    assert site.server is not None
    server = process.family(site.server.pid)
    before, start = process.cpu(*server), time.monotonic()
    with Crowd(site.port, HANDLE) as crowd:
        crowd.come(pages, within=WITHIN, after=seen)

        def wants(page: Page) -> bool:
            return missed[-1] not in page.ids

        def all_served() -> bool:
            crowd.come_again(wants)
            return not any(map(wants, crowd.pages))

        with contextlib.suppress(AssertionError):
            crowd.until(all_served, seconds=PATIENCE)
        took, used = time.monotonic() - start, process.cpu(*server) - before
        served = [page for page in crowd.pages if not wants(page)]
        assert served, f"nobody was served: {crowd}"
        waited = [(page.told_at - page.came) * 1e3 for page in served]
        return {
            "p50": percentile(waited, 0.5),
            "p95": percentile(waited, 0.95),
            "p99": percentile(waited, 0.99),
            "most": max(waited),
            "seconds": took,
            "failed": crowd.failed,
            "unserved": pages - len(served),
            "wrong": sum(page.ids != missed for page in served),
            "cpu": used / pages * 1e6,
        }


def _published(site: Site, seen: int) -> list[int]:
    """Return the numbers of the missed events, once the server has read them all."""
    token = site.token()
    posts = [int(str(site.post(token)["id"])) for _ in range(MISSED_POSTS)]
    site.withdraw(token, posts[0])
    time.sleep(UNTIL_HEARD)
    with Reader(f"{site.url}/live/{HANDLE}", last_event_id=seen) as reader:
        reader.wait_for("withdrawal", posts[0])
        return [told.id for told in reader.told]


NOTES = (
    f"All pages are open when the server stops; it starts, {MISSED_POSTS} posts are published and "
    "the first of them is withdrawn, so that its memory is empty and it must query the database. "
    f"Then all pages reconnect within {WITHIN:g} s, each with the last number that it saw.",
    "A page's time runs from its first attempt until it has everything that it missed. A failed "
    "attempt is repeated. *Served something else*: not exactly each missed event once. The crowd "
    "is one Python thread; it, SQLite and the server share this machine's cores.",
)
