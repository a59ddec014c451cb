# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service that answers all, but late: neither the others nor an alert wait for it.

The same post while that service is quick is the measure: it takes a slow machine as much longer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site, new_site
from tests.standins.push_service import Behaviour, PushService
from tests.waiting import wait_until

# Less than it takes to be given up as silent.
DELAY = 2.0
# A broadcast that waits for it takes more than six delays.
ALLOWED = 2 * DELAY
MANY, FEW = 1_000, 250


@pytest.fixture
def well() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def slow() -> Iterator[PushService]:
    """Quick at first."""
    with PushService() as service:
        yield service


@pytest.fixture
def site(tmp_path: Path, well: PushService, slow: PushService) -> Iterator[Site]:
    origins = f"{well.origin},{slow.origin}"
    with new_site(tmp_path, CANALE_PUSH_ORIGINS=origins, CANALE_WORKERS="1") as new:
        yield new


def told(service: PushService, headline: str) -> Counter[str]:
    return Counter(
        message.endpoint
        for message in list(service.received)
        if message.payload["notification"]["title"].endswith(headline)
    )


def seconds_until_told(
    site: Site, token: str, service: PushService, followers: int, headline: str, kind: str = "news"
) -> tuple[float, int]:
    """From the publication of a post on; the post's number too."""
    begun = time.monotonic()
    number = int(str(site.post(token, headline=headline, kind=kind)["id"]))
    wait_until(lambda: len(told(service, headline)) == followers, seconds=120)
    return time.monotonic() - begun, number


def all_is_recorded(site: Site, number: int) -> bool:
    return bool(site.inside("counts", number)[0]["finished"])


def test_slow_service_does_not_delay_followers_elsewhere(
    site: Site, well: PushService, slow: PushService
) -> None:
    # One at the slow service after each four at the other.
    followers, at_slow = well.subscribe(MANY), slow.subscribe(FEW)
    for place, one in enumerate(at_slow):
        followers.insert(place * 5, one)
    site.inside("follow", followers)
    token = site.token()
    usual, number = seconds_until_told(site, token, well, MANY, "Acqua non potabile")
    wait_until(lambda: all_is_recorded(site, number), seconds=60)
    slow.behave(Behaviour(delay=DELAY))
    headline = "Acqua di nuovo potabile"
    beside_it, number = seconds_until_told(site, token, well, MANY, headline)
    assert beside_it <= 2 * usual + ALLOWED
    slow.behave(Behaviour())
    wait_until(lambda: all_is_recorded(site, number), seconds=60)
    counts = site.inside("counts", number)[0]
    assert (counts["accepted"], counts["retrying"]) == (MANY + FEW, 0)
    # Late answers are recorded, and nothing is sent again.
    assert set(told(slow, headline).values()) == {1}
    assert set(told(well, headline).values()) == {1}


def test_alert_overtakes_messages_queued_at_a_slow_service(
    site: Site, well: PushService, slow: PushService
) -> None:
    site.inside("follow", [*slow.subscribe(MANY), *well.subscribe(FEW)])
    token = site.token()
    usual, number = seconds_until_told(site, token, well, FEW, "Frana a monte", "alert")
    wait_until(lambda: all_is_recorded(site, number), seconds=60)
    slow.behave(Behaviour(delay=DELAY))
    before = slow.requests
    site.post(token, headline="Biblioteca aperta")
    wait_until(lambda: slow.requests > before, seconds=30)
    beside_it, _ = seconds_until_told(site, token, well, FEW, "Piena del Po", "alert")
    assert beside_it <= 2 * usual + ALLOWED
