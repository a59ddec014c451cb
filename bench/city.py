# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A complete canale to measure: `canale serve` on one core, with a channel and posts."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import process
from tests.site import HANDLE, Site, new_site

__all__ = ["HANDLE", "City", "Publisher", "new_city"]

TEXT = (
    "Da lunedì 3 a venerdì 7 il sottopasso di via Dante resta chiuso per lavori alla rete idrica. "
    "Le linee 2 e 4 passano da viale Trento e Trieste; le fermate provvisorie sono segnalate. "
)


class City:
    """An installation whose server can be restarted within a round; its database stays."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @property
    def pids(self) -> list[int]:
        assert self.site.server is not None
        return process.family(self.site.server.pid)

    def start(self) -> None:
        self.site.start()
        assert self.site.server is not None
        process.keep_on_core(process.SERVER_CORE, self.site.server.pid)

    @contextlib.contextmanager
    def serving(self) -> Iterator[City]:
        self.start()
        try:
            yield self
        finally:
            self.site.stop()

    def fill(self, posts: int) -> list[int]:
        """Publish this many posts and return their ids."""
        with self.publisher() as publisher:
            return [publisher.post(f"Avviso {number}", TEXT * 3)[0] for number in range(posts)]

    @contextlib.contextmanager
    def publisher(self) -> Iterator[Publisher]:
        """Start a publisher on the load generator's core, in a process like `canale publish`."""
        program = process.on_core(
            process.CLIENT_CORE, [sys.executable, "-m", "bench.publisher", HANDLE]
        )
        running = subprocess.Popen(
            program, env=self.site.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        try:
            assert running.stdout is not None
            yield Publisher(int(running.stdout.readline()))
        finally:
            process.end(running)


class Publisher:
    def __init__(self, port: int) -> None:
        self.port = port

    def post(self, headline: str, text: str) -> tuple[int, float]:
        """Publish a post; return its id and the time of its commit, in seconds since the epoch."""
        body = json.dumps({"headline": headline, "text": text}).encode()
        url = f"http://127.0.0.1:{self.port}/post"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
            published = json.load(answer)
        return published["id"], published["committed"]


@contextlib.contextmanager
def new_city(**environment: str) -> Iterator[City]:
    """Create a city, not yet started, on SQLite (or on CANALE_DATABASE_URL)."""
    with (
        tempfile.TemporaryDirectory(prefix="canale-bench-") as folder,
        new_site(Path(folder), start=False, **environment) as site,  # type: ignore[arg-type]
    ):
        yield City(site)
