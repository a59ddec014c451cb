# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A crowd of open pages comes back after a restart: how long, at what cost, and what got lost.

    python bench/reconnect_storm.py [--pages 10000] [--seconds 5] [--processes 1]

The server is stopped and started, three posts go out and one is withdrawn, which empties its
memory; then all come back within so many seconds with the number that they saw last. The crowd
is one Python thread on the same cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from canale.net.open_files import raise_open_files
from tests.site import HANDLE, Site, new_site, wait_until
from tests.standins.crowd import Crowd

TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    raise_open_files()
    with (
        tempfile.TemporaryDirectory() as folder,
        new_site(
            Path(folder), CANALE_WEB_PROCESSES=str(asked.processes), CANALE_WORKERS="0"
        ) as site,
    ):
        seen = leave(site, asked.pages)
        site.start()
        wait_until(lambda: site.listeners() == asked.processes)
        come_back(site, asked.pages, asked.seconds, seen)


def leave(site: Site, pages: int) -> int:
    """The number that all have seen when the server stops."""
    with Crowd(site.port, HANDLE) as crowd:
        crowd.come(pages, within=5)
        crowd.until(lambda: all(page.opened for page in crowd.pages), seconds=120)
        site.post(site.token())
        crowd.until(lambda: all(page.ids for page in crowd.pages), seconds=120)
        start = time.monotonic()
        stopping = threading.Thread(target=site.stop)
        stopping.start()
        crowd.until(lambda: all(page.line is None for page in crowd.pages), seconds=60)
        stopping.join()
        print(f"{pages} pages sent away: the server ended after {time.monotonic() - start:.1f} s")
        return crowd.pages[0].ids[-1]


def come_back(site: Site, pages: int, seconds: float, seen: int) -> None:
    key = site.token()
    posts = [site.post(key)["id"] for _ in range(3)]
    bearer = {"Authorization": f"Bearer {key}"}
    reason = {"reason": "Errore"}
    httpx.request("DELETE", f"{site.api}/posts/{posts[0]}", json=reason, headers=bearer)
    before, start = cpu(site), time.monotonic()
    with Crowd(site.port, HANDLE) as crowd:
        crowd.come(pages, within=seconds, after=seen)
        came = time.monotonic() - start
        crowd.until(lambda: all(len(page.ids) >= 3 for page in crowd.pages), seconds=120)
        took, used = time.monotonic() - start, cpu(site) - before
        told = {tuple(page.ids) for page in crowd.pages}
        print(f"all asked within {came:.1f} s and had all they missed after {took:.1f} s")
        print(f"server: {used:.1f} s of CPU, {used / pages * 1e6:.0f} µs a page")
        print(f"{crowd}; {len(told)} different histories (1: nothing lost, nothing twice)")


def cpu(site: Site) -> float:
    """Seconds of all the site's processes, in all."""
    assert site.server is not None
    used = 0
    for pid in (site.server.pid, *site.workers()):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


if __name__ == "__main__":
    main()
