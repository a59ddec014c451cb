# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Limits the messages in flight to each push service.

Each origin has a limiter of its own, so that a slow or unreachable service delays no other. The
limit grows while messages are answered and is halved when the service asks for less (AIMD). After
repeated failures the circuit opens, and single messages probe whether the service answers again.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeVar

from canale.delivery.transports.base import Outcome, Result
from canale.metrics.service_counters import ServiceCounters

# While the first connection is opened, one message; then this many.
INITIAL_LIMIT = 32
# A service that was idle for this long has closed its connections: begin with one again.
IDLE_SECONDS = 50.0
# Messages in flight and no answer for this long: the circuit opens.
SILENCE_SECONDS = 3.0
# Consecutive failures that open the circuit.
FAILURES = 8
# Messages wait for the end of a pause up to this; during a longer one they become retries.
SHORT_PAUSE_SECONDS = 1.0
INITIAL_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 15.0
# At most one decrease in this time: answers to messages already in flight say the same again.
DECREASE_SECONDS = 1.0
# Answers this many times slower than the fastest (and slower than LATE_SECONDS) mean a queue at
# the service, which a higher limit would only lengthen.
SLOW_FACTOR = 4.0
# A service whose answers take longer is slow: nothing else waits for it.
LATE_SECONDS = 0.5
# The longest pause after a 429, whatever its Retry-After.
MAX_TOO_MANY_SECONDS = 60.0
# The longest estimate of the wait for a slow service.
MAX_TURN_SECONDS = 8.0


class Queued(Protocol):
    """A message that waits for its turn."""

    started: bool
    """Set by the limiter when it sends the message."""

    @property
    def urgent(self) -> bool: ...

    @property
    def over(self) -> bool:
        """True when it need not be sent any more."""
        ...


Q = TypeVar("Q", bound=Queued)


class AdaptiveLimiter(Generic[Q]):
    """The limit for one service. Belongs to the event loop.

    ``send`` sends a message, in a task of its own, and calls `on_result`; ``defer`` postpones it by
    a number of seconds; ``siblings`` are the limiters of the same transport; ``counters`` counts
    the answers.
    """

    def __init__(
        self,
        most: int,
        send: Callable[[Q], Coroutine[Any, Any, None]],
        defer: Callable[[Q, float], None],
        clock: Callable[[], float],
        siblings: Iterable[AdaptiveLimiter[Q]],
        counters: ServiceCounters,
    ) -> None:
        self._most = most
        self._send = send
        self._defer = defer
        self._clock = clock
        self._siblings = siblings
        self.counters = counters
        self._sending: set[asyncio.Task[None]] = set()
        self._waiting: tuple[deque[Q], deque[Q]] = deque(), deque()
        self._limit = 1.0
        self._last_good_limit = float(min(INITIAL_LIMIT, most))
        self._in_flight = 0
        # Messages in flight when the circuit opened: they may never be answered, and do not count
        # against the limit.
        self._abandoned = 0
        self._failures = 0
        self._open = False
        self._tripped_at = float("-inf")
        self._pause = INITIAL_PAUSE_SECONDS
        self._paused_until = 0.0
        # The last answer or failure, or the start of the first message after an idle time.
        self._answered_at = clock()
        self._heard_at = float("-inf")
        self._decreased_at = float("-inf")
        self._min_rtt = float("inf")
        self._rtt_ewma = 0.0
        # When the last deferred alert, and the last deferred message, may be sent.
        self._alerts_until = self._all_until = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """The number of messages that may be in flight now."""
        return 1 if self._open else max(1, int(self._limit))

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def _taken(self) -> int:
        return self._in_flight - self._abandoned

    @property
    def circuit_open(self) -> bool:
        """Nothing is sent now, or one message at a time as a probe."""
        return self._open or self._clock() < self._paused_until

    @property
    def slow(self) -> bool:
        """Answers take long, or none come."""
        silence = self._clock() - self._answered_at if self._taken else 0.0
        return self._open or max(self._rtt_ewma, silence) > LATE_SECONDS

    @property
    def healthy(self) -> bool:
        """It answered recently and fast."""
        answered = self._rtt_ewma > 0 and self._clock() - self._heard_at < IDLE_SECONDS
        return answered and not self.slow

    @property
    def idle(self) -> bool:
        return not self._in_flight and not any(self._waiting)

    def blocks_others(self, *, urgent: bool) -> bool:
        """True if the service is slow, and waiting for it delays an alert or another service.

        Where every service is slow, this machine is, and deferring messages would gain nothing.
        """
        return self.slow and (urgent or any(other.healthy for other in self._siblings))

    def submit(self, queued: Q) -> None:
        """Send as soon as the limit allows, alerts first, or defer."""
        urgent, now = queued.urgent, self._clock()
        if self.blocks_others(urgent=urgent) and not self.has_capacity(urgent=urgent):
            self._defer(queued, self.estimated_wait(urgent=urgent))
            return
        if self.idle and now - self._answered_at > IDLE_SECONDS:
            self._last_good_limit, self._limit = max(self._last_good_limit, self._limit), 1.0
        if self._taken and now - self._answered_at > SILENCE_SECONDS:
            # Messages in flight may never be answered, the probe included.
            self._trip()
        # While the circuit is open one probe is enough.
        probing = self._open and (self._taken >= self.limit or any(self._waiting))
        if probing or self._paused_until - now > SHORT_PAUSE_SECONDS:
            self._defer(queued, self._retry_delay(now))
            return
        self._waiting[0 if urgent else 1].append(queued)
        self._dispatch()

    def has_capacity(self, *, urgent: bool) -> bool:
        """True if one more message would be sent at once. Deferred alerts come first."""
        if not urgent and self._alerts_until > self._clock():
            return False
        return self._taken < self.limit

    def estimated_wait(self, *, urgent: bool) -> float:
        """Seconds until the limit is likely to allow one more message."""
        now = self._clock()
        each = max(self._rtt_ewma, LATE_SECONDS) / max(self._limit, INITIAL_LIMIT)
        # A message deferred for longer is deferred again: it reserves nothing.
        last = now + MAX_TURN_SECONDS
        if urgent:
            self._alerts_until = end = min(max(self._alerts_until, now) + each, last)
        else:
            self._all_until = max(self._all_until, self._alerts_until, now)
            self._all_until = end = min(self._all_until + each, last)
        return (end - now) * random.uniform(0.8, 1.0)

    def _retry_delay(self, now: float) -> float:
        """Seconds, with jitter so that messages deferred together do not return together."""
        pause = max(self._paused_until - now, INITIAL_PAUSE_SECONDS)
        return pause * random.uniform(1.0, 1.5) + random.uniform(0.0, 1.0)

    def _dispatch(self) -> None:
        now = self._clock()
        if now < self._paused_until:
            if any(self._waiting):
                if self._timer is not None:
                    self._timer.cancel()
                pause = self._paused_until - now
                self._timer = asyncio.get_running_loop().call_later(pause, self._dispatch)
            return
        for queue in self._waiting:
            while queue and self._taken < self.limit:
                queued = queue.popleft()
                if queued.over:
                    continue
                if not self._taken:
                    self._answered_at = now
                self._in_flight += 1
                queued.started = True
                sending = asyncio.create_task(self._send(queued))
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)

    def close(self) -> None:
        """Send nothing more, and cancel what is being sent."""
        if self._timer is not None:
            self._timer.cancel()
        for sending in self._sending:
            sending.cancel()

    def on_result(self, result: Result, seconds: float) -> None:
        """Take the result of a message that was sent ``seconds`` ago."""
        self.counters.add(result.outcome, result.code, seconds)
        saturated = self._taken >= self.limit
        now = self._clock()
        self._in_flight -= 1
        if now - seconds <= self._tripped_at:
            self._abandoned -= 1
        self._abandoned = max(0, min(self._abandoned, self._in_flight))
        self._answered_at = now
        if result.code is None and result.outcome is Outcome.RETRY:
            # After a trip it is the same failure: a lost connection takes every message in flight
            # with it.
            if now - seconds > self._tripped_at:
                self._failures += 1
                self._decrease()
                if self._open or self._failures >= FAILURES:
                    self._trip()
        elif result.outcome is Outcome.RETRY:
            self._asked_for_less(result, now)
        else:
            self._answered(seconds, now, saturated=saturated)
        self._dispatch()

    def _trip(self) -> None:
        """Open the circuit: pause, then probe with one message at a time."""
        now = self._clock()
        self._open, self._tripped_at = True, now
        self._abandoned = self._in_flight
        self._paused_until = max(self._paused_until, now + self._pause)
        self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)
        self._defer_queued(now)

    def _asked_for_less(self, result: Result, now: float) -> None:
        """429, 503 and the like: halve the limit and pause for Retry-After, after a 429 at most a
        minute."""
        self._decrease()
        if result.retry_after:
            asked = result.retry_after
            if result.code == HTTPStatus.TOO_MANY_REQUESTS:
                # It may be about one device: only that message waits for the whole time.
                asked = min(asked, MAX_TOO_MANY_SECONDS)
            self._paused_until = max(self._paused_until, now + asked)
            if self._paused_until - now > SHORT_PAUSE_SECONDS:
                self._defer_queued(now)
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._trip()

    def _defer_queued(self, now: float) -> None:
        """Defer every message in the queue."""
        for queue in self._waiting:
            waiting = [queued for queued in queue if not queued.over]
            queue.clear()
            for queued in waiting:
                self._defer(queued, self._retry_delay(now))

    def _decrease(self, factor: float = 0.5) -> None:
        now = self._clock()
        if now - self._decreased_at < DECREASE_SECONDS:
            return
        self._decreased_at = now
        self._limit = max(1.0, self._limit * factor)
        self._last_good_limit = self._limit

    def _answered(self, seconds: float, now: float, *, saturated: bool) -> None:
        self._failures, self._heard_at = 0, now
        self._min_rtt = min(self._min_rtt * 1.001, seconds)
        self._rtt_ewma = seconds if not self._rtt_ewma else self._rtt_ewma * 0.95 + seconds * 0.05
        if self._open or self._limit < self._last_good_limit:
            self._open, self._pause = False, INITIAL_PAUSE_SECONDS
            self._limit = self._last_good_limit
        elif self._rtt_ewma > max(LATE_SECONDS, self._min_rtt * SLOW_FACTOR):
            # This few messages make no queue: the service itself is slow.
            if self._limit > INITIAL_LIMIT:
                self._decrease(0.8)
        elif saturated:
            # Doubles in a round trip until the first decrease, then grows by one in a round trip.
            never_decreased = self._decreased_at == float("-inf")
            more = 1.0 if never_decreased else 1.0 / self._limit
            self._limit = self._last_good_limit = min(self._most, self._limit + more)


class Limiters(Generic[Q]):
    """The limiters of one transport, made as they are needed."""

    # Followers' addresses name the hosts: only limiters in use are kept.
    MAX_LIMITERS = 256

    def __init__(
        self,
        most: int,
        send: Callable[[Q], Coroutine[Any, Any, None]],
        defer: Callable[[Q, float], None],
        clock: Callable[[], float],
        counters: Callable[[str], ServiceCounters],
    ) -> None:
        """``counters`` returns an origin's counters; several origins may share them."""
        self._make = partial(AdaptiveLimiter[Q], most, send, defer, clock, self)
        self._counters_of = counters
        self._limiters: dict[str, AdaptiveLimiter[Q]] = {}

    def __iter__(self) -> Iterator[AdaptiveLimiter[Q]]:
        return iter(self._limiters.values())

    def at(self, origin: str) -> AdaptiveLimiter[Q]:
        limiter = self._limiters.get(origin)
        if limiter is None:
            if len(self._limiters) >= self.MAX_LIMITERS:
                for idle in [key for key, other in self._limiters.items() if other.idle]:
                    self._limiters.pop(idle).close()
            limiter = self._limiters[origin] = self._make(self._counters_of(origin))
        return limiter

    def close(self) -> None:
        for limiter in self._limiters.values():
            limiter.close()
