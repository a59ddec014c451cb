# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much each far end is given at once, on a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from canale.delivery.limiter import (
    FAILURES,
    INITIAL_LIMIT,
    INITIAL_PAUSE_SECONDS,
    LATE_SECONDS,
    MAX_TOO_MANY_SECONDS,
    MAX_TURN_SECONDS,
    SILENCE_SECONDS,
    AdaptiveLimiter,
    Limiters,
)
from canale.delivery.transports.base import Outcome, Result
from canale.metrics.service_counters import ServiceCounters

ACCEPTED = Result(Outcome.ACCEPTED, 201, "")
BUSY = Result(Outcome.RETRY, 429, "")
NO_ANSWER = Result(Outcome.RETRY, None, "")
MOST = 256


@dataclass(eq=False)
class Waiting:
    urgent: bool
    over: bool = False
    started: bool = False


class Desk:
    """A limiter, and what it started and deferred."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.started: list[Waiting] = []
        self.deferred: list[tuple[Waiting, float]] = []
        self.limiter: AdaptiveLimiter[Waiting] = AdaptiveLimiter(
            MOST,
            self.send,
            lambda sending, seconds: self.deferred.append((sending, seconds)),
            lambda: self.now,
            [],
            ServiceCounters("webpush", "other"),
        )

    def send(self, sending: Waiting) -> Coroutine[Any, Any, None]:
        self.started.append(sending)
        return asyncio.sleep(0)

    def submit(self, count: int, *, urgent: bool = False) -> list[Waiting]:
        offered = [Waiting(urgent) for _ in range(count)]
        for sending in offered:
            self.limiter.submit(sending)
        return offered

    def answer(self, count: int, result: Result = ACCEPTED, seconds: float = 0.05) -> None:
        for _ in range(count):
            self.limiter.on_result(result, seconds)


def warm_desk(seconds: float = 0.05) -> Desk:
    desk = Desk()
    desk.submit(1)
    desk.answer(1, seconds=seconds)
    return desk


def limiters_on(clock: Callable[[], float]) -> Limiters[Waiting]:
    counters = partial(ServiceCounters, "post")
    return Limiters(MOST, lambda _: asyncio.sleep(0), lambda *_: None, clock, counters)


def in_loop(test: Callable[[], None]) -> Callable[[], None]:
    """Run a test inside an event loop, for the limiter's tasks and timers."""

    async def flow() -> None:
        test()

    return wraps(test)(lambda: asyncio.run(flow()))


@in_loop
def test_one_message_opens_the_connection_before_the_others() -> None:
    desk = Desk()
    desk.submit(1000)
    assert len(desk.started) == 1
    desk.answer(1)
    assert desk.limiter.in_flight == INITIAL_LIMIT


@in_loop
def test_limit_doubles_per_round_trip_up_to_the_maximum() -> None:
    desk = Desk()
    desk.submit(5000)
    desk.answer(1)
    for expected in (64, 128, 256, 256):
        desk.answer(desk.limiter.in_flight)
        assert desk.limiter.limit == expected


@in_loop
def test_unused_limit_does_not_grow() -> None:
    desk = Desk()
    for _ in range(100):
        desk.submit(3)
        desk.answer(desk.limiter.in_flight)
        desk.answer(desk.limiter.in_flight)
    assert desk.limiter.limit == INITIAL_LIMIT


@in_loop
def test_limit_is_halved_on_429() -> None:
    desk = Desk()
    desk.submit(5000)
    desk.answer(1)
    desk.answer(desk.limiter.in_flight)
    before = desk.limiter.limit
    desk.answer(1, BUSY)
    assert desk.limiter.limit == before // 2
    # The answers to what was under way say the same: it counts once.
    desk.answer(5, BUSY)
    assert desk.limiter.limit == before // 2


@in_loop
def test_retry_after_is_kept_and_waiting_messages_are_deferred() -> None:
    desk = warm_desk()
    desk.submit(INITIAL_LIMIT + 10)
    desk.answer(1, Result(Outcome.RETRY, 503, "", 120.0))
    assert len(desk.deferred) == 10
    assert all(seconds >= 120 for _, seconds in desk.deferred)
    started = len(desk.started)
    desk.submit(5)
    assert len(desk.started) == started
    desk.answer(desk.limiter.in_flight)
    desk.now += 121
    desk.submit(1)
    assert len(desk.started) == started + 1


@in_loop
def test_429_for_one_device_does_not_pause_the_others_for_long() -> None:
    desk = warm_desk()
    desk.submit(1)
    desk.answer(1, Result(Outcome.RETRY, 429, "", 86_400.0))
    desk.submit(1)
    assert len(desk.deferred) == 1
    desk.now += MAX_TOO_MANY_SECONDS + 1
    started = len(desk.started)
    desk.submit(1)
    assert len(desk.started) == started + 1


@in_loop
def test_a_short_pause_is_waited_for() -> None:
    desk = warm_desk()
    desk.submit(1)
    desk.answer(1, Result(Outcome.RETRY, 429, "", 0.5))
    desk.submit(3)
    assert desk.deferred == []
    desk.now += 0.6
    desk.submit(1)
    assert desk.limiter.in_flight == 4


@in_loop
def test_unresponsive_service_is_probed_by_one_message_at_a_time() -> None:
    desk = warm_desk()
    desk.submit(FAILURES + 4)
    desk.answer(FAILURES, NO_ANSWER)
    desk.now += 2 * INITIAL_PAUSE_SECONDS
    # Four are still under way, and may be for long: they take no place.
    started = len(desk.started)
    desk.submit(10)
    assert len(desk.started) == started + 1
    assert len(desk.deferred) == 9
    desk.answer(1)
    desk.submit(10)
    assert len(desk.started) == started + 11
    # Their late failure says nothing about the service's state now.
    desk.answer(4, NO_ANSWER, seconds=30.0)
    desk.submit(1)
    assert len(desk.started) == started + 12


@in_loop
def test_unresponsive_service_is_detected_before_the_timeout() -> None:
    desk = warm_desk()
    desk.submit(INITIAL_LIMIT + 5)
    desk.now += SILENCE_SECONDS + 0.1
    # Waiting messages are deferred; after the pause one probes, and the others are deferred.
    desk.submit(3)
    assert len(desk.deferred) == 5 + 2
    assert len(desk.started) == 1 + INITIAL_LIMIT


@in_loop
def test_lost_connection_counts_as_one_failure() -> None:
    desk = warm_desk()
    desk.submit(INITIAL_LIMIT)
    desk.answer(INITIAL_LIMIT, NO_ANSWER)
    # Well again after the first pause: what was under way together failed together.
    desk.now += INITIAL_PAUSE_SECONDS + 0.1
    started = len(desk.started)
    desk.submit(1)
    assert len(desk.started) == started + 1


@in_loop
def test_message_without_a_slot_at_a_slow_service_gets_a_turn() -> None:
    desk = warm_desk(2.0)
    assert desk.limiter.has_capacity(urgent=False)
    desk.submit(INITIAL_LIMIT)
    assert not desk.limiter.has_capacity(urgent=False)
    turns = [desk.limiter.estimated_wait(urgent=False) for _ in range(2 * INITIAL_LIMIT)]
    # 32 places, of two seconds each: the first half within two seconds, the other within four.
    assert max(turns[:INITIAL_LIMIT]) <= 2.0
    assert min(turns[INITIAL_LIMIT:]) >= 1.6
    assert max(turns) <= 4.0
    assert max(desk.limiter.estimated_wait(urgent=False) for _ in range(10_000)) <= MAX_TURN_SECONDS


@in_loop
def test_reserved_turns_of_alerts_expire() -> None:
    desk = warm_desk(2.0)
    for _ in range(10_000):
        assert desk.limiter.estimated_wait(urgent=True) <= MAX_TURN_SECONDS
    assert not desk.limiter.has_capacity(urgent=False)
    desk.now += MAX_TURN_SECONDS + 0.1
    assert desk.limiter.has_capacity(urgent=False)


@in_loop
def test_alerts_get_the_next_slots_at_a_slow_service() -> None:
    desk = warm_desk(2.0)
    desk.submit(INITIAL_LIMIT)
    desk.limiter.estimated_wait(urgent=True)
    desk.answer(1, seconds=2.0)
    assert desk.limiter.has_capacity(urgent=True)
    assert not desk.limiter.has_capacity(urgent=False)


@in_loop
def test_service_counts_as_slow_only_while_others_are_quick() -> None:
    now = [1000.0]
    limiters = limiters_on(lambda: now[0])
    late, well = limiters.at("https://late.example"), limiters.at("https://well.example")
    for limiter, seconds in ((late, 2.0), (well, 0.1)):
        limiter.submit(Waiting(urgent=False))
        limiter.on_result(ACCEPTED, seconds)
    assert late.blocks_others(urgent=False)
    assert not well.blocks_others(urgent=False)
    # All are: it is this machine, or the line.
    for _ in range(20):
        well.submit(Waiting(urgent=False))
        well.on_result(ACCEPTED, 2.0)
    assert not late.blocks_others(urgent=False)
    assert not well.blocks_others(urgent=False)
    # An alert waits for nobody.
    assert late.blocks_others(urgent=True)
    # One that was never answered is no sign that this machine is quick.
    limiters.at("https://nobody.example").submit(Waiting(urgent=False))
    limiters.at("https://nobody.example").on_result(NO_ANSWER, 0.01)
    assert not late.blocks_others(urgent=False)


@in_loop
def test_unanswered_service_is_slow_until_it_answers_quickly_again() -> None:
    desk = Desk()
    desk.submit(1)
    assert not desk.limiter.slow
    desk.now += LATE_SECONDS + 0.1
    assert desk.limiter.slow
    desk.answer(1, seconds=LATE_SECONDS + 0.1)
    assert desk.limiter.slow
    for _ in range(10):
        desk.submit(1)
        desk.answer(1)
    assert not desk.limiter.slow


@in_loop
def test_alerts_go_first() -> None:
    desk = warm_desk()
    desk.submit(INITIAL_LIMIT + 5)
    alerts = desk.submit(3, urgent=True)
    desk.answer(3)
    assert desk.started[1 + INITIAL_LIMIT :][:3] == alerts


@in_loop
def test_expired_message_is_not_started() -> None:
    desk = warm_desk()
    waiting = desk.submit(INITIAL_LIMIT + 2)[-2:]
    waiting[0].over = True
    desk.answer(INITIAL_LIMIT)
    assert waiting[0] not in desk.started
    assert waiting[1] in desk.started


@in_loop
def test_limit_falls_when_the_service_slows_down() -> None:
    desk = Desk()
    desk.submit(5000)
    desk.answer(1)
    desk.answer(desk.limiter.in_flight)
    desk.answer(desk.limiter.in_flight)
    assert desk.limiter.limit > 2 * INITIAL_LIMIT
    for _ in range(200):
        desk.now += 0.1
        desk.answer(1, seconds=5.0)
    # The limit does not fall below a harmless size: the service may be slow on its own.
    assert 0.8 * INITIAL_LIMIT <= desk.limiter.limit <= INITIAL_LIMIT


@in_loop
def test_one_message_reopens_the_connection_after_an_idle_time() -> None:
    desk = Desk()
    desk.submit(500)
    desk.answer(1)
    desk.answer(desk.limiter.in_flight)
    learned = desk.limiter.limit
    while desk.limiter.in_flight:
        desk.answer(1)
    desk.now += 3600
    started = len(desk.started)
    desk.submit(100)
    assert len(desk.started) == started + 1
    desk.answer(1)
    assert desk.limiter.limit >= learned


@in_loop
def test_unused_limiters_are_forgotten() -> None:
    limiters = limiters_on(lambda: 0.0)
    busy = limiters.at("https://busy.example")
    busy.submit(Waiting(urgent=False))
    for number in range(Limiters.MAX_LIMITERS * 2):
        limiters.at(f"https://{number}.example")
    assert limiters.at("https://busy.example") is busy
    assert len(limiters._limiters) <= Limiters.MAX_LIMITERS


@in_loop
def test_service_that_keeps_answering_429_is_probed_after_a_pause() -> None:
    desk = warm_desk()
    desk.submit(FAILURES + 5)
    desk.answer(FAILURES, Result(Outcome.RETRY, 503, ""))
    started = len(desk.started)
    assert desk.limiter.circuit_open
    desk.now += INITIAL_PAUSE_SECONDS
    desk.submit(5)
    assert len(desk.started) == started + 1
    assert len(desk.deferred) == 4


@in_loop
def test_service_that_never_answered_is_probed_after_the_first_pause() -> None:
    desk = Desk()
    for _ in range(FAILURES):
        desk.submit(1)
        desk.answer(1, NO_ANSWER)
    started = len(desk.started)
    assert desk.limiter.circuit_open
    desk.now += INITIAL_PAUSE_SECONDS
    desk.submit(1)
    assert len(desk.started) == started + 1


@in_loop
def test_late_failure_of_an_abandoned_message_starts_no_second_probe() -> None:
    desk = warm_desk()
    desk.submit(INITIAL_LIMIT)
    desk.answer(FAILURES, NO_ANSWER, seconds=0.0)
    desk.now += INITIAL_PAUSE_SECONDS
    desk.submit(1)
    probed = len(desk.started)
    # Begun in the moment in which the far end failed.
    desk.answer(5, NO_ANSWER, seconds=INITIAL_PAUSE_SECONDS)
    desk.submit(1)
    assert (len(desk.started), len(desk.deferred)) == (probed, 1)
    desk.now += 0.25
    desk.answer(1, seconds=0.25)
    # Abandoned messages take none of the slots that the answered probe opens.
    desk.submit(MOST)
    assert len(desk.started) == probed + desk.limiter.limit
    desk.answer(INITIAL_LIMIT - FAILURES - 5, NO_ANSWER, seconds=INITIAL_PAUSE_SECONDS + 0.25)
    assert len(desk.started) == probed + desk.limiter.limit == probed + desk.limiter.in_flight
