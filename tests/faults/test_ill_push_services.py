# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service that is slow, full, or gone delays nobody but its own followers, and loses none.

Two services: one is well throughout. After each fault the ill one gets well again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.broadcast import SOAK
from tests.site import Site, new_site, wait_until
from tests.standins.push_service import Behaviour, PushService

EACH = 400

FAULTS = {
    "hangs": Behaviour(hang=True),
    "drops": Behaviour(drop=True),
    "is slow": Behaviour(delay=2.0),
    "is full": Behaviour(status=429, retry_after="2"),
    "is being repaired": Behaviour(status=503, retry_after="2"),
    "fails": Behaviour(status=500),
    "answers garbage": Behaviour(status=299 + 300),
}
# The others end as "fails" does: no answer that counts.
SHORT = [fault for fault in FAULTS if fault not in ("drops", "answers garbage")]


@pytest.fixture(scope="module")
def well() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture(scope="module")
def ill() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture(scope="module")
def city(
    tmp_path_factory: pytest.TempPathFactory, well: PushService, ill: PushService
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ill")
    origins = f"{well.origin},{ill.origin}"
    with new_site(folder, CANALE_PUSH_ORIGINS=origins, CANALE_WORKERS="1") as site:
        pairs = zip(well.subscribe(EACH), ill.subscribe(EACH), strict=True)
        site.inside("follow", [subscription for pair in pairs for subscription in pair])
        yield site


@pytest.fixture(scope="module")
def token(city: Site) -> str:
    return city.token()


def told(service: PushService, headline: str) -> set[str]:
    return {
        message.endpoint
        for message in list(service.received)
        if message.payload["notification"]["title"] == headline
    }


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS if SOAK else SHORT)
def test_who_is_elsewhere_is_told_meanwhile_and_the_others_afterwards(
    city: Site, token: str, well: PushService, ill: PushService, fault: str
) -> None:
    ill.behave(FAULTS[fault])
    headline = f"Il servizio {fault}"
    number = int(str(city.post(token, headline=headline)["id"]))
    wait_until(lambda: len(told(well, headline)) == EACH, seconds=60)
    if fault != "is slow":
        assert not told(ill, headline)
    ill.behave(Behaviour())
    wait_until(lambda: len(told(ill, headline)) == EACH, seconds=120)
    wait_until(lambda: city.inside("counts", number)[0]["finished"], seconds=60)
    row = city.inside("counts", number)[0]
    assert (row["accepted"], row["gone"], row["rejected"]) == (2 * EACH, 0, 0)
    assert len(well.received) == len(
        {(m.endpoint, m.payload["notification"]["title"]) for m in well.received}
    )


@pytest.mark.slow
def test_a_withdrawn_post_is_not_sent_when_the_service_is_well_again(
    city: Site, token: str, well: PushService, ill: PushService
) -> None:
    ill.behave(Behaviour(status=503, retry_after="3"))
    headline = "Ritirato in tempo"
    number = int(str(city.post(token, headline=headline)["id"]))
    wait_until(lambda: len(told(well, headline)) == EACH, seconds=60)
    city.withdraw(token, number)
    ill.behave(Behaviour())
    time.sleep(5)
    assert not told(ill, headline)
    first, second = city.inside("counts", number)[::-1][:2]
    assert (first["accepted"], first["skipped"], first["retrying"]) == (EACH, EACH, 0)
    assert second["purpose"] == "withdrawal"
