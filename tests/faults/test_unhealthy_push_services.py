# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service that is slow, full, or gone delays nobody but its own followers, and loses none.

All at once: one service is healthy throughout, and each of the others has a fault of its own. Then
the unhealthy ones recover.
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
# A worker is notified of a withdrawal, and its messages in flight are answered, within this time.
STOPPED_SECONDS = 4.0
# Bytes of body. The headline and text below make 1,300 and more.
LONGEST = 1000
HEADLINE = "洪水" * 8
TEXT = "請不要靠近河岸。" * 40

UNHEALTHY = {
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
# These reach their followers without recovering.
ODD = {
    "is slow": Behaviour(delay=1.0),
    "takes short messages only (413)": Behaviour(longest=LONGEST),
}


@dataclass
class Town:
    """Each fault has a service, and each service EACH followers."""

    engine: str
    site: Site
    token: str
    healthy: PushService
    others: dict[str, PushService]

    def break_services(self) -> None:
        for name, behaviour in {**UNHEALTHY, **ODD}.items():
            self.others[name].behave(replace(behaviour))

    def recover(self, *, all_of_them: bool = False) -> None:
        for name in (*UNHEALTHY, *(ODD if all_of_them else ())):
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
    folder = tmp_path_factory.mktemp("unhealthy")
    with ExitStack() as stack:
        healthy, *others = (
            stack.enter_context(PushService()) for _ in range(1 + len(UNHEALTHY | ODD))
        )
        origins = ",".join(service.origin for service in (healthy, *others))
        given = {"CANALE_PUSH_ORIGINS": origins, "CANALE_WORKERS": "1"}
        broker = stack.enter_context(broker_for(folder, engine))
        if broker is not None:
            if programs() is None:
                pytest.skip("PostgreSQL is not installed")
            given["CANALE_NATS_URL"] = broker.url
            given["CANALE_DATABASE_URL"] = stack.enter_context(postgresql_server()).url
        site = stack.enter_context(new_site(folder, **given))  # type: ignore[arg-type]
        subscriptions = (service.subscribe(EACH) for service in (healthy, *others))
        site.inside("follow", [one for each in zip(*subscriptions, strict=True) for one in each])
        yield Town(
            engine,
            site,
            site.token(),
            healthy,
            dict(zip({**UNHEALTHY, **ODD}, others, strict=True)),
        )


@dataclass
class Course:
    """The delivery of one post: messages received during the faults, and in the end."""

    town: Town
    post: int
    headline: str
    early: dict[str, int]
    """Messages that each unhealthy service had taken when the healthy one had all of its own."""
    counts: dict[str, int]

    def received_by(self, service: PushService) -> list[str]:
        return received_by(service, self.headline)


def received_by(service: PushService, headline: str) -> list[str]:
    return [
        message.endpoint
        for message in list(service.received)
        if message.payload["notification"]["title"] == headline
    ]


@pytest.fixture(scope="module")
def course(town: Town) -> Course:
    town.break_services()
    post = town.publish(HEADLINE)
    wait_until(lambda: len(received_by(town.healthy, HEADLINE)) == EACH, seconds=60)
    early = {name: len(received_by(service, HEADLINE)) for name, service in town.others.items()}
    town.recover()
    wait_until(lambda: town.counts(post)["finished"], seconds=180)
    return Course(town, post, HEADLINE, early, town.counts(post))


@pytest.mark.parametrize("fault", [*UNHEALTHY, *ODD])
def test_each_unhealthy_service_receives_its_messages(course: Course, fault: str) -> None:
    service = course.town.others[fault]
    everybody = set(course.received_by(service))
    assert len(everybody) == EACH
    twice = len(course.received_by(service)) - EACH
    if fault in ODD:
        assert not twice
    elif UNHEALTHY[fault].takes:
        # Messages that it took and did not confirm are sent again.
        assert 0 < twice <= WINDOW_ADDRESSES
        assert course.early[fault] < EACH
    else:
        assert not twice
        assert not course.early[fault]
    assert not service.refused
    saw(reached=EACH, twice=twice)


def test_healthy_service_receives_each_message_once(course: Course) -> None:
    assert sorted(course.received_by(course.town.healthy)) == sorted(
        set(course.received_by(course.town.healthy))
    )
    assert not course.town.healthy.refused


def test_newsroom_counts_match_the_push_services(course: Course) -> None:
    services = [course.town.healthy, *course.town.others.values()]
    reached = sum(len(set(course.received_by(service))) for service in services)
    assert course.counts["accepted"] == reached == len(services) * EACH
    unreached = ("gone", "rejected", "skipped", "expired", "retrying")
    assert not any(course.counts[name] for name in unreached)
    saw(reached=reached)


def test_message_that_is_too_long_is_sent_shortened(course: Course) -> None:
    short = course.town.others["takes short messages only (413)"]
    usual = {m.payload["notification"]["body"] for m in course.town.healthy.received}
    shortened = {m.payload["notification"]["body"] for m in short.received}
    (whole,), (cut,) = usual, shortened
    assert cut.endswith("…")
    assert whole.startswith(cut.removesuffix("…"))
    assert min(m.size for m in course.town.healthy.received) > LONGEST
    assert max(m.size for m in short.received) <= LONGEST
    assert short.requests == 2 * EACH


def test_only_gone_followers_are_removed(town: Town) -> None:
    town.recover(all_of_them=True)
    before = town.site.inside("follower_rows")
    (leaving, staying) = town.healthy.subscribe(20), town.healthy.subscribe(20)
    pairs = zip(leaving, staying, strict=True)
    town.site.inside("follow", [one for pair in pairs for one in pair])
    for subscription in leaving:
        town.healthy.behave(Behaviour(status=410), subscription["endpoint"])
    everybody_else = (1 + len(town.others)) * EACH + len(staying)
    for headline, gone in (("Chi resta", len(leaving)), ("Chi è restato", 0)):
        post = town.publish(headline)
        wait_until(lambda post=post: town.counts(post)["finished"], seconds=60)  # type: ignore[misc]
        counts = town.counts(post)
        assert (counts["accepted"], counts["gone"], counts["rejected"]) == (everybody_else, gone, 0)
        assert len(set(received_by(town.healthy, headline))) == EACH + len(staying)
    # Followers, their addresses, and the counter.
    assert town.site.inside("follower_rows") == [row + len(staying) for row in before]
    saw(reached=everybody_else)


def test_withdrawn_post_is_not_sent_when_services_recover(town: Town) -> None:
    town.break_services()
    headline = f"Ritirato {secrets.token_hex(2)}"
    post = town.publish(headline)
    wait_until(lambda: _waits_for_the_unhealthy(town.counts(post)), seconds=60)
    town.site.withdraw(town.token, post)
    time.sleep(STOPPED_SECONDS)
    before = {name: len(received_by(town.others[name], headline)) for name in UNHEALTHY}
    town.recover()
    wait_until(lambda: town.counts(post)["finished"], seconds=60)
    time.sleep(PROBED_SECONDS)
    assert {name: len(received_by(town.others[name], headline)) for name in UNHEALTHY} == before
    counts = town.counts(post)
    confirmed = {name: service for name, service in town.others.items() if name in ODD}
    reached = sum(
        len(received_by(service, headline)) for service in (town.healthy, *confirmed.values())
    )
    assert counts["accepted"] == reached
    assert (counts["skipped"], counts["retrying"]) == (counts["planned"] - reached, 0)
    saw(reached=reached, not_told=counts["skipped"])


def _waits_for_the_unhealthy(counts: dict[str, int]) -> bool:
    return (
        counts["retrying"] == len(UNHEALTHY) * EACH
        and counts["accepted"] == counts["planned"] - counts["retrying"]
    )
