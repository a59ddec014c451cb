# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post on its way to some thousand phones, into which a test puts a fault."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import pytest

from canale.delivery.backoff import DETACHED_SECONDS
from canale.delivery.window import WINDOW_ADDRESSES
from tests.faults.amid import Fault, FaultyPushService
from tests.faults.table import saw
from tests.nats_server import NatsServer
from tests.site import Site, new_site
from tests.waiting import wait_until

# The long form: `make soak`. It runs the tests that are marked `long` too.
SOAK = bool(os.environ.get("SOAK"))
# The size of a broadcast with a fault. Workers hold a third of it at a time: whenever the fault
# happens, there are batches that no worker has claimed yet.
BATCH_ADDRESSES = 100
FEWER = 15 * BATCH_ADDRESSES
FOLLOWERS = 3_000 if SOAK else FEWER
WORKERS = 2
# A worker that is killed leaves what was answered late to a retry, which is due a minute later.
FINISHED_SECONDS = DETACHED_SECONDS + 60
KEY = "a key for the tests of faults, long enough"
ENGINES = ("local", "jetstream")
KILLS = int(os.environ.get("KILLS") or (50 if SOAK else 1))


def on_each_engine(*, short_form: str) -> pytest.MarkDecorator:
    """Runs a test on both; the short form does so on one of them."""
    rest = (pytest.param(name, marks=pytest.mark.long) for name in ENGINES if name != short_form)
    return pytest.mark.parametrize("engine", [short_form, *rest], indirect=True)


@dataclass
class City:
    """A site whose followers a stand-in push service stands for, and what carries its batches."""

    site: Site
    push: FaultyPushService
    broker: NatsServer | None
    followers: int

    @cached_property
    def token(self) -> str:
        return self.site.token()

    def publish(self, headline: str = "Piena del Po", kind: str = "news") -> Broadcast:
        since = len(self.push.received)
        post = self.site.post(self.token, headline=headline, kind=kind)
        title = _title(headline, kind)
        return Broadcast(self, int(str(post["id"])), title, time.monotonic(), since)

    def publish_in_batches(
        self, headline: str = "Piena del Po", kind: str = "news", fault: Fault | None = None
    ) -> Broadcast:
        """Publish in batches of BATCH_ADDRESSES; return once the fault has happened, midway."""
        title, since = _title(headline, kind), len(self.push.received)
        if fault is not None:
            self.push.put(fault, title)
        post: int = self.site.inside("publish", [kind, headline, BATCH_ADDRESSES])
        if fault is not None:
            assert 0 < fault.happened() < self.followers
        return Broadcast(self, post, title, time.monotonic(), since)

    def serves(self) -> bool:
        return httpx.get(f"{self.site.url}/readyz", timeout=10).status_code == 200

    # Each says how many windows may be sent twice afterwards.

    def kill_server(self) -> int:
        """Its workers end politely, but do not wait for a push service that is slow to answer."""
        workers = self.site.workers()
        self.site.kill()
        return len(workers)

    def kill_worker(self) -> int:
        os.kill(random.choice(wait_until(self.site.workers)), signal.SIGKILL)
        return 1

    def kill_everything(self) -> int:
        workers = self.site.workers()
        self.site.kill()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        return len(workers)

    def kill_broker(self) -> int:
        assert self.broker is not None
        self.broker.stop()
        return 0

    def start_what_is_down(self) -> None:
        """Start what systemd would start again; the server restarts its own workers."""
        if self.site.server is None:
            self.site.start()
        if self.broker is not None and not self.broker.runs:
            self.broker.start()


@dataclass
class Broadcast:
    """One post, and whom the push service has told of it."""

    city: City
    post: int
    title: str
    begun: float
    since: int
    """Messages that the push service had taken before."""
    sent_twice: int = 0
    told_in_time: int = 0
    """Before it was withdrawn."""

    def told(self) -> Counter[str]:
        return Counter(
            message.endpoint
            for message in self.city.push.received[self.since :]
            if message.payload["notification"]["title"] == self.title
        )

    def midway(self) -> None:
        """Wait until it is under way."""
        sixth = self.city.followers // 6
        wait_until(lambda: len(self.told()) > sixth, seconds=60)
        assert self.is_under_way()

    def at_a_random_moment(self) -> bool:
        """Wait until anything from one to nine tenths are told; False: it was over too soon."""
        first, last = len(self.told()) + 1, self.city.followers * 9 // 10
        if first > last:
            return False
        moment = random.randint(first, last)
        wait_until(lambda: len(self.told()) >= moment, seconds=60)
        return self.is_under_way()

    def is_under_way(self) -> bool:
        return 0 < len(self.told()) < self.city.followers

    def all_are_told(self, *, killed: int = 0, seconds: float = 120) -> None:
        """Nobody was left out, no more than a window was told twice for each that was killed,
        what the newsroom shows is what the push service saw, and the site serves."""
        followers = self.city.followers
        wait_until(lambda: len(self.told()) == followers, seconds=seconds)
        wait_until(lambda: self._counts()["finished"], seconds=FINISHED_SECONDS)
        self.sent_twice = sum(self.told().values()) - followers
        assert self.sent_twice <= killed * WINDOW_ADDRESSES
        counts = self._counts()
        assert (counts["accepted"], counts["retrying"]) == (followers, 0)
        assert (counts["gone"], counts["rejected"], counts["expired"]) == (0, 0, 0)
        assert not self.city.push.refused
        wait_until(self.city.serves)
        saw(reached=followers, twice=self.sent_twice)

    def withdraw(self) -> None:
        self.city.site.withdraw(self.city.token, self.post)
        self.told_in_time = sum(self.told().values())

    def nobody_is_told_any_more(self, *, killed: int = 0) -> None:
        """Since it was withdrawn, but for what was on its way then; the others are counted as not
        sent to."""
        wait_until(lambda: self._counts()["finished"], seconds=FINISHED_SECONDS)
        told, counts = self.told(), self._counts()
        # Workers may send what they had read if the notification is lost.
        assert sum(told.values()) - self.told_in_time <= WORKERS * WINDOW_ADDRESSES
        assert counts["accepted"] <= len(told) <= counts["accepted"] + killed * WINDOW_ADDRESSES
        assert counts["accepted"] + counts["skipped"] == self.city.followers
        assert (counts["retrying"], counts["rejected"], counts["expired"]) == (0, 0, 0)
        saw(not_told=self.city.followers - len(told))

    def _counts(self) -> dict[str, int]:
        """Return the counts of the post itself; its withdrawal is a broadcast too."""
        counts: dict[str, int] = self.city.site.inside("counts", self.post)[-1]
        return counts


def _title(headline: str, kind: str) -> str:
    return f"Allerta: {headline}" if kind == "alert" else headline


@contextmanager
def new_city(
    folder: Path,
    engine: str,
    *,
    followers: int = FOLLOWERS,
    host: str = "127.0.0.1",
    **environment: str,
) -> Iterator[City]:
    """With the engine, a push service and so many followers of its own; `host`: where these two
    listen."""
    push = FaultyPushService(host)
    with push, broker_for(folder, engine, host) as broker:
        given = {
            "CANALE_SECRET_KEY": KEY,
            "CANALE_PUSH_ORIGINS": push.origin,
            "CANALE_WORKERS": str(WORKERS),
            **environment,
        }
        if broker is not None:
            given["CANALE_NATS_URL"] = broker.url
        with new_site(folder, **given) as site:  # type: ignore[arg-type]
            site.inside("follow", push.subscribe(followers))
            yield City(site, push, broker, followers)


@contextmanager
def broker_for(folder: Path, engine: str, host: str = "127.0.0.1") -> Iterator[NatsServer | None]:
    if engine == "local":
        yield None
        return
    with NatsServer(folder, f'jetstream {{ store_dir: "{folder}/jetstream" }}', host) as server:
        yield server
