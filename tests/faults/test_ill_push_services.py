# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service that is slow, full, or gone delays nobody but its own followers, and loses none.

All at once: one service is well throughout, and each of the others has an illness of its own. Then
the ill ones get well again, in whatever lies between them and us.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from canale.delivery.window import WINDOW_ADDRESSES
from tests.faults.broadcast import SOAK, broker_for
from tests.faults.table import saw
from tests.postgresql_server import postgresql_server, programs
from tests.site import Site, new_site
from tests.standins.push_service import Behaviour, PushService
from tests.waiting import wait_until

EACH = 100 if SOAK else 30
# Deferred messages return within this time.
PROBED_SECONDS = 4
# A worker hears of a withdrawal, and what it had begun is answered, within so many.
HEARD_SECONDS = 4.0
# Bytes of body. The headline and text below make 1,300 and more.
LONGEST = 1000
HEADLINE = "洪水" * 8
TEXT = "請不要靠近河岸。" * 40

ILL = {
    "hangs": Behaviour(hang=True),
    "hangs when it has taken the message": Behaviour(hang=True, taken=True),
    "drops the line": Behaviour(drop=True),
    "drops the line when it has taken the message": Behaviour(drop=True, taken=True),
    "answers garbage": Behaviour(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
    "answers garbage when it has taken the message": Behaviour(raw=bytes(1000), taken=True),
    "answers by a code that nobody knows": Behaviour(status=599),
    "fails": Behaviour(status=500),
    "is full (429)": Behaviour(status=429, retry_after="2"),
    "is being repaired (503)": Behaviour(status=503, retry_after="2"),
}
# These reach their followers without getting well.
ODD = {
    "is slow": Behaviour(delay=1.0),
    "takes short messages only (413)": Behaviour(longest=LONGEST),
}


@dataclass
class Town:
    """Each illness has a service, and each service EACH followers."""

    engine: str
    site: Site
    token: str
    well: PushService
    others: dict[str, PushService]

    def fall_ill(self) -> None:
        for name, behaviour in {**ILL, **ODD}.items():
            self.others[name].behave(replace(behaviour))

    def get_well(self, *, all_of_them: bool = False) -> None:
        for name in (*ILL, *(ODD if all_of_them else ())):
            self.others[name].behave(Behaviour())

    def publish(self, headline: str) -> int:
        return int(str(self.site.post(self.token, headline=headline, text=TEXT)["id"]))

    def counts(self, post: int) -> dict[str, int]:
        """Return the counts of the post itself, not of its withdrawal."""
        counts: dict[str, int] = self.site.inside("counts", post)[-1]
        return counts


@pytest.fixture(scope="module", params=["local", pytest.param("jetstream", marks=pytest.mark.long)])
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    engine: str = request.param
    folder = tmp_path_factory.mktemp("ill")
    with ExitStack() as stack:
        well, *others = (stack.enter_context(PushService()) for _ in range(1 + len(ILL | ODD)))
        origins = ",".join(service.origin for service in (well, *others))
        given = {"CANALE_PUSH_ORIGINS": origins, "CANALE_WORKERS": "1"}
        broker = stack.enter_context(broker_for(folder, engine))
        if broker is not None:
            if programs() is None:
                pytest.skip("PostgreSQL is not installed")
            given["CANALE_NATS_URL"] = broker.url
            given["CANALE_DATABASE_URL"] = stack.enter_context(postgresql_server()).url
        site = stack.enter_context(new_site(folder, **given))  # type: ignore[arg-type]
        subscriptions = (service.subscribe(EACH) for service in (well, *others))
        site.inside("follow", [one for each in zip(*subscriptions, strict=True) for one in each])
        yield Town(engine, site, site.token(), well, dict(zip({**ILL, **ODD}, others, strict=True)))


@dataclass
class Course:
    """How one post went: who was told while services were ill, and who in the end."""

    town: Town
    post: int
    headline: str
    meanwhile: dict[str, int]
    """Messages that each ill service had taken when the well one had told all its followers."""
    counts: dict[str, int]

    def told(self, service: PushService) -> list[str]:
        return told(service, self.headline)


def told(service: PushService, headline: str) -> list[str]:
    return [
        message.endpoint
        for message in list(service.received)
        if message.payload["notification"]["title"] == headline
    ]


@pytest.fixture(scope="module")
def course(town: Town) -> Course:
    town.fall_ill()
    post = town.publish(HEADLINE)
    wait_until(lambda: len(told(town.well, HEADLINE)) == EACH, seconds=60)
    meanwhile = {name: len(told(service, HEADLINE)) for name, service in town.others.items()}
    town.get_well()
    wait_until(lambda: town.counts(post)["finished"], seconds=180)
    return Course(town, post, HEADLINE, meanwhile, town.counts(post))


@pytest.mark.parametrize("illness", [*ILL, *ODD])
def test_each_unhealthy_service_receives_its_messages(course: Course, illness: str) -> None:
    service = course.town.others[illness]
    everybody = set(course.told(service))
    assert len(everybody) == EACH
    twice = len(course.told(service)) - EACH
    if illness in ODD:
        assert not twice
    elif ILL[illness].takes:
        # Messages that it took and did not confirm are sent again.
        assert 0 < twice <= WINDOW_ADDRESSES
        assert course.meanwhile[illness] < EACH
    else:
        assert not twice
        assert not course.meanwhile[illness]
    assert not service.refused
    saw(reached=EACH, twice=twice)


def test_healthy_service_is_not_delayed_by_the_others(course: Course) -> None:
    assert sorted(course.told(course.town.well)) == sorted(set(course.told(course.town.well)))
    assert not course.town.well.refused


def test_newsroom_counts_match_the_push_services(course: Course) -> None:
    services = [course.town.well, *course.town.others.values()]
    reached = sum(len(set(course.told(service))) for service in services)
    assert course.counts["accepted"] == reached == len(services) * EACH
    unreached = ("gone", "rejected", "skipped", "expired", "retrying")
    assert not any(course.counts[name] for name in unreached)
    saw(reached=reached)


def test_message_that_is_too_long_is_sent_shortened(course: Course) -> None:
    short = course.town.others["takes short messages only (413)"]
    usual = {m.payload["notification"]["body"] for m in course.town.well.received}
    shortened = {m.payload["notification"]["body"] for m in short.received}
    (whole,), (cut,) = usual, shortened
    assert cut.endswith("…")
    assert whole.startswith(cut.removesuffix("…"))
    assert min(m.size for m in course.town.well.received) > LONGEST
    assert max(m.size for m in short.received) <= LONGEST
    assert short.requests == 2 * EACH


def test_only_gone_followers_are_removed(town: Town) -> None:
    town.get_well(all_of_them=True)
    before = town.site.inside("follower_rows")
    (leaving, staying) = town.well.subscribe(20), town.well.subscribe(20)
    pairs = zip(leaving, staying, strict=True)
    town.site.inside("follow", [one for pair in pairs for one in pair])
    for subscription in leaving:
        town.well.behave(Behaviour(status=410), subscription["endpoint"])
    everybody_else = (1 + len(town.others)) * EACH + len(staying)
    for headline, gone in (("Chi resta", len(leaving)), ("Chi è restato", 0)):
        post = town.publish(headline)
        wait_until(lambda post=post: town.counts(post)["finished"], seconds=60)  # type: ignore[misc]
        counts = town.counts(post)
        assert (counts["accepted"], counts["gone"], counts["rejected"]) == (everybody_else, gone, 0)
        assert len(set(told(town.well, headline))) == EACH + len(staying)
    # Followers, their addresses, and the counter.
    assert town.site.inside("follower_rows") == [row + len(staying) for row in before]
    saw(reached=everybody_else)


def test_withdrawn_post_is_not_sent_when_services_recover(town: Town) -> None:
    town.fall_ill()
    headline = f"Ritirato {secrets.token_hex(2)}"
    post = town.publish(headline)
    wait_until(lambda: _waits_for_the_ill(town.counts(post)), seconds=60)
    town.site.withdraw(town.token, post)
    time.sleep(HEARD_SECONDS)
    before = {name: len(told(town.others[name], headline)) for name in ILL}
    town.get_well()
    wait_until(lambda: town.counts(post)["finished"], seconds=60)
    time.sleep(PROBED_SECONDS)
    assert {name: len(told(town.others[name], headline)) for name in ILL} == before
    counts = town.counts(post)
    confirmed = {name: service for name, service in town.others.items() if name in ODD}
    reached = sum(len(told(service, headline)) for service in (town.well, *confirmed.values()))
    assert counts["accepted"] == reached
    assert (counts["skipped"], counts["retrying"]) == (counts["planned"] - reached, 0)
    saw(reached=reached, not_told=counts["skipped"])


def _waits_for_the_ill(counts: dict[str, int]) -> bool:
    return (
        counts["retrying"] == len(ILL) * EACH
        and counts["accepted"] == counts["planned"] - counts["retrying"]
    )
