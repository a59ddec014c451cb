# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 in mid fan-out: nobody is left out, and at most a chunk is told twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from canale.delivery.window import WINDOW_ADDRESSES
from tests.site import Site, new_site
from tests.standins.push_service import PushService
from tests.waiting import wait_until

FOLLOWERS = 5_000

pytestmark = pytest.mark.postgres


@pytest.fixture
def push() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def city(tmp_path: Path, push: PushService) -> Iterator[Site]:
    with new_site(tmp_path, CANALE_PUSH_ORIGINS=push.origin) as site:
        yield site


def test_every_follower_is_notified_after_a_worker_is_killed(city: Site, push: PushService) -> None:
    """tests/faults kills all the rest."""
    city.inside("follow", push.subscribe(FOLLOWERS))
    number = int(str(city.post(city.token(), headline="Piena")["id"]))
    wait_until(lambda: len(push.received) > FOLLOWERS // 5, seconds=60)
    assert len(push.received) < FOLLOWERS
    os.kill(city.workers()[0], signal.SIGKILL)

    def told() -> Counter[str]:
        return Counter(message.endpoint for message in list(push.received))

    wait_until(lambda: len(told()) == FOLLOWERS, seconds=120)
    wait_until(lambda: city.inside("counts", number)[0]["finished"], seconds=60)
    twice = sum(count - 1 for count in told().values())
    assert twice <= WINDOW_ADDRESSES
    row = city.inside("counts", number)[0]
    assert (row["planned"], row["accepted"], row["retrying"]) == (FOLLOWERS, FOLLOWERS, 0)
    assert not push.refused
