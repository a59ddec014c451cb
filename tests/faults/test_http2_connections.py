# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service over HTTP/2 that limits, ends or loses its connections: each follower is notified,
over one line at a time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from canale.delivery.window import CHUNK_ADDRESSES
from canale.net.http import TOTAL_TIMEOUT
from tests.site import Site, new_site
from tests.standins.certificate import certified
from tests.standins.http2 import Line, Manners
from tests.standins.push_service import Behaviour, PushService
from tests.waiting import wait_until

FOLLOWERS = 200
STREAMS = 10
# On a machine that stands still for seconds a line is taken for dead.
STALLS = 2


class City:
    """A site with one worker, and the service that all its followers use."""

    def __init__(self, site: Site, push: PushService) -> None:
        self._site = site
        self._push = push
        self._token = site.token()
        self._seen = 0

    def tells_all(self, headline: str, *, seconds: float = 60) -> Counter[str]:
        """Publish, and wait until it is done; how often each follower was told."""
        self._seen = len(self._push.lines)
        post = int(str(self._site.post(self._token, headline=headline)["id"]))
        wait_until(lambda: len(self._told(headline)) == FOLLOWERS, seconds=seconds)
        row = wait_until(lambda: self._finished(post), seconds=seconds)
        assert (row["accepted"], row["gone"], row["rejected"]) == (FOLLOWERS, 0, 0)
        assert (row["expired"], row["retrying"]) == (0, 0)
        assert not self._push.refused
        return self._told(headline)

    def _finished(self, post: int) -> dict[str, int] | None:
        row: dict[str, int] = self._site.inside("counts", post)[0]
        return row if row["finished"] else None

    def _told(self, headline: str) -> Counter[str]:
        return Counter(
            message.endpoint
            for message in list(self._push.received)
            if message.payload["notification"]["title"] == headline
        )

    def hangs_for(self, messages: int, headline: str) -> None:
        """The next so many are never answered, and others wait on their line; publish, and wait
        until half of all are told."""
        self._push.behave(Behaviour(hang=True, times=messages))
        self._site.post(self._token, headline=headline)
        wait_until(lambda: len(self._told(headline)) > FOLLOWERS // 2, seconds=60)

    @property
    def line(self) -> Line:
        """The one in use."""
        return self._push.lines[-1]

    def new_lines(self) -> list[Line]:
        """Those that were opened since the last post was published."""
        return self._push.lines[self._seen :]


@contextmanager
def new_city(folder: Path, manners: Manners) -> Iterator[City]:
    _, tls = certified(folder)
    with PushService(host="localhost", tls=tls, http2=manners) as push:
        # Slow enough for several to be in flight.
        push.behave(Behaviour(delay=0.02))
        trust = {"SSL_CERT_FILE": str(folder / "localhost.pem")}
        given = {"CANALE_PUSH_ORIGINS": push.origin, "CANALE_WORKERS": "1", **trust}
        with new_site(folder, **given) as site:  # type: ignore[arg-type]
            site.inside("follow", push.subscribe(FOLLOWERS))
            yield City(site, push)


@pytest.fixture(scope="module")
def manners() -> Manners:
    return Manners(streams=STREAMS)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, manners: Manners) -> Iterator[City]:
    with new_city(tmp_path_factory.mktemp("http2"), manners) as made:
        yield made


def test_one_connection_carries_all_messages_and_uses_all_its_streams(city: City) -> None:
    told = city.tells_all("Una linea")
    assert set(told.values()) == {1}
    lines = city.new_lines()
    assert len(lines) <= 1 + STALLS
    assert max(line.most_open for line in lines) == STREAMS
    assert sum(line.taken for line in lines) == FOLLOWERS


def test_goaway_midway_loses_and_repeats_no_message(city: City, manners: Manners) -> None:
    manners.go_away_after = FOLLOWERS // 5
    told = city.tells_all("Se ne va")
    manners.go_away_after = None
    assert set(told.values()) == {1}
    # The first was there; it may have taken as much as it takes already.
    assert 4 <= len(city.new_lines()) <= 5 + STALLS


def test_refused_streams_are_sent_once_again(city: City, manners: Manners) -> None:
    manners.refuse = FOLLOWERS // 4
    told = city.tells_all("Rifiuta")
    assert manners.refuse == 0
    assert set(told.values()) == {1}
    assert len(city.new_lines()) <= STALLS


def test_lost_connection_loses_no_message(city: City, manners: Manners) -> None:
    manners.break_after = city.line.requests + FOLLOWERS // 2
    told = city.tells_all("Cade", seconds=120)
    manners.break_after = None
    assert len(told) == FOLLOWERS
    assert sum(told.values()) - FOLLOWERS <= CHUNK_ADDRESSES
    assert 1 <= len(city.new_lines()) <= 1 + STALLS


def test_messages_after_a_hang_do_not_wait_for_the_timeout(city: City) -> None:
    begun = time.monotonic()
    city.hangs_for(STREAMS, "Si incanta")
    assert time.monotonic() - begun < TOTAL_TIMEOUT.total_seconds()
