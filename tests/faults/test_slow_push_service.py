# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service that answers all, but late: neither the others nor an alert wait for it.

How much the slow one has answered by then is the measure: that does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site, new_site, wait_until
from tests.standins.push_service import Behaviour, PushService

# Less than it takes to be given up as silent.
DELAY = 2.0
# It is given 1 message, then 32, then 64 …: what it has answered after three delays.
SOON = 97
MANY, FEW = 2_500, 250


@pytest.fixture
def well() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def slow() -> Iterator[PushService]:
    with PushService() as service:
        service.behave(Behaviour(delay=DELAY))
        yield service


@pytest.fixture
def site(tmp_path: Path, well: PushService, slow: PushService) -> Iterator[Site]:
    origins = f"{well.origin},{slow.origin}"
    with new_site(tmp_path, CANALE_PUSH_ORIGINS=origins, CANALE_WORKERS="1") as new:
        yield new


def told(service: PushService, headline: str) -> list[str]:
    return [
        message.endpoint
        for message in list(service.received)
        if message.payload["notification"]["title"] == headline
    ]


@pytest.mark.slow
def test_who_is_elsewhere_does_not_wait_for_it(
    site: Site, well: PushService, slow: PushService
) -> None:
    # One at the slow service after each ten at the other.
    followers, at_slow = well.subscribe(MANY), slow.subscribe(FEW)
    for place, one in enumerate(at_slow):
        followers.insert(place * 11, one)
    site.inside("follow", followers)
    token = site.token()
    number = int(str(site.post(token, headline="Acqua di nuovo potabile")["id"]))
    wait_until(lambda: len(well.received) == MANY, seconds=60)
    assert len(slow.received) <= SOON
    slow.behave(Behaviour())
    wait_until(lambda: site.inside("counts", number)[0]["finished"], seconds=60)
    counts = site.inside("counts", number)[0]
    assert (counts["accepted"], counts["retrying"]) == (MANY + FEW, 0)
    # What it answers late is recorded as such, and not sent again.
    assert set(slow.counts().values()) == {1}
    assert set(well.counts().values()) == {1}


@pytest.mark.slow
def test_an_alert_overtakes_what_waits_there(
    site: Site, well: PushService, slow: PushService
) -> None:
    site.inside("follow", [*slow.subscribe(MANY), *well.subscribe(FEW)])
    token = site.token()
    site.post(token, headline="Biblioteca aperta")
    wait_until(lambda: slow.requests > 0, seconds=30)
    site.post(token, headline="Piena del Po", kind="alert")
    wait_until(lambda: len(told(well, "Allerta: Piena del Po")) == FEW, seconds=60)
    assert len(slow.received) <= SOON
