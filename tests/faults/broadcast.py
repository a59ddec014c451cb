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
from pathlib import Path

from canale.delivery.window import WINDOW_ADDRESSES
from tests.nats_server import NatsServer
from tests.site import Site, new_site, wait_until
from tests.standins.push_service import PushService

FOLLOWERS = 3_000
WORKERS = 2
KEY = "a key for the tests of faults, long enough"
ENGINES = ("local", "jetstream")
# The long form: `make soak`.
SOAK = bool(os.environ.get("SOAK"))
KILLS = 50 if SOAK else 2


@dataclass
class City:
    """A site whose followers a stand-in push service stands for, and what carries its batches."""

    site: Site
    push: PushService
    broker: NatsServer | None
    followers: int

    def publish(self, headline: str = "Piena del Po", kind: str = "news") -> Broadcast:
        post = self.site.post(self.site.token(), headline=headline, kind=kind)
        title = f"Allerta: {headline}" if kind == "alert" else headline
        return Broadcast(self, int(str(post["id"])), title, time.monotonic())

    def kill_server(self) -> int:
        self.site.kill()
        self.site.start()
        return 0

    def kill_worker(self) -> int:
        """How many windows may be sent twice afterwards."""
        workers = self.site.workers()
        if not workers:
            return 0
        os.kill(random.choice(workers), signal.SIGKILL)
        return 1

    def kill_everything(self) -> int:
        workers = self.site.workers()
        self.site.kill()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        self.site.start()
        return len(workers)

    def kill_broker(self) -> int:
        assert self.broker is not None
        self.broker.stop()
        self.broker.start()
        return 0


@dataclass
class Broadcast:
    """One post, and whom the push service has told of it."""

    city: City
    post: int
    title: str
    begun: float
    sent_twice: int = 0

    def told(self) -> Counter[str]:
        return Counter(
            message.endpoint
            for message in list(self.city.push.received)
            if message.payload["notification"]["title"] == self.title
        )

    def midway(self) -> None:
        """Wait until it is under way."""
        sixth = self.city.followers // 6
        wait_until(lambda: len(self.told()) > sixth, seconds=60)
        assert len(self.told()) < self.city.followers

    def all_are_told(self, *, killed: int = 0, seconds: float = 120) -> None:
        """Nobody was left out, no more than a window was told twice for each that was killed, and
        what the newsroom shows is what the push service saw."""
        followers = self.city.followers
        wait_until(lambda: len(self.told()) == followers, seconds=seconds)
        wait_until(lambda: self._counts()["finished"], seconds=60)
        self.sent_twice = sum(self.told().values()) - followers
        assert self.sent_twice <= killed * WINDOW_ADDRESSES
        counts = self._counts()
        assert (counts["accepted"], counts["retrying"]) == (followers, 0)
        assert (counts["gone"], counts["rejected"], counts["expired"]) == (0, 0, 0)
        assert not self.city.push.refused

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.city.site.inside("counts", self.post)[0]
        return counts


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
    with PushService(host=host) as push, _broker(folder, engine, host) as broker:
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
def _broker(folder: Path, engine: str, host: str) -> Iterator[NatsServer | None]:
    if engine == "local":
        yield None
        return
    with NatsServer(folder, f'jetstream {{ store_dir: "{folder}/jetstream" }}', host) as server:
        yield server
