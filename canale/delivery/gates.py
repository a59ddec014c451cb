# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much each far end is given at once: as much as it takes, and nothing while it is ill.

One gate for each far end (the origin of a push service), so that one that is slow or ill delays no
other. How many messages are under way grows while they are answered, is halved when the far end
asks for less, and falls to a single probe when it does not answer at all.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

from canale.delivery.transports.base import Outcome, Result
from canale.metrics.tally import Tally

# While the first connection is opened, one message; then this many.
FIRST_LIMIT = 32
# A far end that was not used for so long has closed its connections: begin with one again.
IDLE_SECONDS = 50.0
# Who has not answered anything for so long is taken for ill.
SILENCE_SECONDS = 3.0
# Failures in a row, without any answer between them, that make a far end ill.
FAILURES = 8
# A pause up to this is waited for; during a longer one messages go to the retries.
SHORT_PAUSE_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
# At most one cut in this time: the answers to what was already under way say the same again.
CUT_SECONDS = 1.0
# Answers this much slower than the quickest (and slower than LATE_SECONDS) mean a queue at the
# far end: more at once would only lengthen it.
SLOW_FACTOR = 4.0
# Answers that take longer are not waited for.
LATE_SECONDS = 0.5
# After a 429 it is tried again at the latest then, however long it asks for.
LONGEST_TOO_MANY_SECONDS = 60.0
# Who finds no place at a late far end comes back when it is their turn, or after so long.
LONGEST_TURN_SECONDS = 8.0


class Queued(Protocol):
    """A message that waits for its turn."""

    @property
    def urgent(self) -> bool: ...

    @property
    def over(self) -> bool:
        """True when it need not be sent any more."""
        ...


Q = TypeVar("Q", bound=Queued)


class Gate(Generic[Q]):
    """One far end. Belongs to the event loop.

    ``start`` begins a message; ``defer`` gives it up for now, to be sent again after so many
    seconds; ``tally`` counts the answers.
    """

    def __init__(
        self,
        most: int,
        start: Callable[[Q], None],
        defer: Callable[[Q, float], None],
        clock: Callable[[], float],
        tally: Tally,
    ) -> None:
        self._most = most
        self._start = start
        self._defer = defer
        self._clock = clock
        self.tally = tally
        self._waiting: tuple[deque[Q], deque[Q]] = deque(), deque()
        self._limit = 1.0
        self._learned = float(min(FIRST_LIMIT, most))
        self._under_way = 0
        # Of those, what was begun before the far end fell ill: it may never be answered, and takes
        # no place.
        self._written_off = 0
        self._failures = 0
        self._ill = False
        self._fell_ill_at = float("-inf")
        self._pause = FIRST_PAUSE_SECONDS
        self._shut_until = 0.0
        # The last answer or failure, or when the first was begun after a rest.
        self._answered_at = clock()
        self._heard_at = float("-inf")
        self._cut_at = float("-inf")
        self._quickest = float("inf")
        self._usual = 0.0
        # Until when alerts, and all, have their turn.
        self._alerts_until = self._all_until = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """How many messages may be under way now."""
        return 1 if self._ill else max(1, int(self._limit))

    @property
    def under_way(self) -> int:
        return self._under_way

    @property
    def _taken(self) -> int:
        return self._under_way - self._written_off

    @property
    def shut(self) -> bool:
        """Nothing is sent now, or one message at a time to see whether it is well again."""
        return self._ill or self._clock() < self._shut_until

    @property
    def late(self) -> bool:
        """Answers are long in coming, or do not come."""
        silence = self._clock() - self._answered_at if self._taken else 0.0
        return self._ill or max(self._usual, silence) > LATE_SECONDS

    @property
    def quick(self) -> bool:
        """It answered not long ago, and soon."""
        answered = self._usual > 0 and self._clock() - self._heard_at < IDLE_SECONDS
        return answered and not self.late

    @property
    def idle(self) -> bool:
        return not self._under_way and not any(self._waiting)

    def offer(self, queued: Q) -> None:
        """Send as soon as there is a place, alerts first; or defer."""
        now = self._clock()
        if self.idle and now - self._answered_at > IDLE_SECONDS:
            self._learned, self._limit = max(self._learned, self._limit), 1.0
        if self._taken and now - self._answered_at > SILENCE_SECONDS:
            # What is under way may never be answered, a probe included.
            self._fall_ill()
        if self._refuses(now):
            self._defer(queued, self._comes_back_in(now))
            return
        self._waiting[0 if queued.urgent else 1].append(queued)
        self._pump()

    def _refuses(self, now: float) -> bool:
        if self._shut_until - now > SHORT_PAUSE_SECONDS:
            return True
        # One probe is enough.
        return self._ill and (self._taken >= self.limit or any(self._waiting))

    def has_place(self, *, urgent: bool) -> bool:
        """Whether one more would be begun at once. Alerts that come back have the next places."""
        if not urgent and self._alerts_until > self._clock():
            return False
        return self._taken < self.limit

    def turn(self, *, urgent: bool) -> float:
        """Seconds until there is a place for one more, as far as can be foreseen."""
        now = self._clock()
        each = max(self._usual, LATE_SECONDS) / max(self._limit, FIRST_LIMIT)
        # Who is told to come back later than that will ask again: no turn is kept for them.
        last = now + LONGEST_TURN_SECONDS
        if urgent:
            self._alerts_until = end = min(max(self._alerts_until, now) + each, last)
        else:
            self._all_until = max(self._all_until, self._alerts_until, now)
            self._all_until = end = min(self._all_until + each, last)
        return (end - now) * random.uniform(0.8, 1.0)

    def _comes_back_in(self, now: float) -> float:
        """Spread, so that what was deferred together does not come back together."""
        pause = max(self._shut_until - now, FIRST_PAUSE_SECONDS)
        return pause * random.uniform(1.0, 1.5) + random.uniform(0.0, 1.0)

    def _pump(self) -> None:
        now = self._clock()
        if now < self._shut_until:
            if any(self._waiting):
                self._wake_at(self._shut_until)
            return
        while self._taken < self.limit and (queued := self._first()) is not None:
            if not self._taken:
                self._answered_at = now
            self._under_way += 1
            self._start(queued)

    def _first(self) -> Q | None:
        for lane in self._waiting:
            while lane:
                queued = lane.popleft()
                if not queued.over:
                    return queued
        return None

    def _wake_at(self, moment: float) -> None:
        if self._timer is None:
            pause = max(0.0, moment - self._clock())
            self._timer = asyncio.get_running_loop().call_later(pause, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._pump()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def done(self, result: Result, seconds: float) -> None:
        """An answer, or none, to what `start` began ``seconds`` ago."""
        self.tally.add(result.outcome, result.code, seconds)
        saturated = self._taken >= self.limit
        now = self._clock()
        self._under_way -= 1
        if now - seconds <= self._fell_ill_at:
            self._written_off -= 1
        self._written_off = max(0, min(self._written_off, self._under_way))
        self._answered_at = now
        if result.code is None and result.outcome is Outcome.LATER:
            self._failed(begun=now - seconds)
        elif result.outcome is Outcome.LATER:
            self._asked_for_less(result, now)
        else:
            self._answered(seconds, now, saturated=saturated)
        self._pump()

    def _failed(self, begun: float) -> None:
        if begun <= self._fell_ill_at:
            # Of the same illness: a lost connection takes all that was under way with it.
            return
        self._failures += 1
        self._cut()
        if self._ill or self._failures >= FAILURES:
            self._fall_ill()

    def _fall_ill(self) -> None:
        """Shut for a while, then try with one message at a time."""
        now = self._clock()
        self._ill, self._fell_ill_at = True, now
        self._written_off = self._under_way
        self._shut_until = max(self._shut_until, now + self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._send_away(now)

    def _asked_for_less(self, result: Result, now: float) -> None:
        """429, 503 and their like: half as much, and nothing before the time that it names, or a
        minute after a 429."""
        self._cut()
        if result.retry_after:
            asked = result.retry_after
            if result.code == HTTPStatus.TOO_MANY_REQUESTS:
                # It may be about one device: its message waits for so long, the others do not.
                asked = min(asked, LONGEST_TOO_MANY_SECONDS)
            self._shut_until = max(self._shut_until, now + asked)
            if self._shut_until - now > SHORT_PAUSE_SECONDS:
                self._send_away(now)
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._fall_ill()

    def _send_away(self, now: float) -> None:
        """Defer whoever waits here."""
        for lane in self._waiting:
            waiting = [queued for queued in lane if not queued.over]
            lane.clear()
            for queued in waiting:
                self._defer(queued, self._comes_back_in(now))

    def _cut(self, factor: float = 0.5) -> None:
        now = self._clock()
        if now - self._cut_at < CUT_SECONDS:
            return
        self._cut_at = now
        self._limit = max(1.0, self._limit * factor)
        self._learned = self._limit

    def _answered(self, seconds: float, now: float, *, saturated: bool) -> None:
        self._failures, self._heard_at = 0, now
        self._quickest = min(self._quickest * 1.001, seconds)
        self._usual = seconds if not self._usual else self._usual * 0.95 + seconds * 0.05
        if self._ill or self._limit < self._learned:
            self._ill, self._pause = False, FIRST_PAUSE_SECONDS
            self._limit = self._learned
        elif self._usual > max(LATE_SECONDS, self._quickest * SLOW_FACTOR):
            # So few make no queue: what is slow with them is slow by itself.
            if self._limit > FIRST_LIMIT:
                self._cut(0.8)
        elif saturated:
            # Doubles in a round trip until the first cut, then grows by one in a round trip.
            never_cut = self._cut_at == float("-inf")
            more = 1.0 if never_cut else 1.0 / self._limit
            self._limit = self._learned = min(self._most, self._limit + more)


class Gates(Generic[Q]):
    """The gates of one transport, made as they are needed."""

    # Strangers choose among a push service's hosts: only those in use are kept.
    MOST_GATES = 256

    def __init__(
        self,
        most: int,
        start: Callable[[Q], None],
        defer: Callable[[Q, float], None],
        clock: Callable[[], float],
        tally: Callable[[str], Tally],
    ) -> None:
        """``tally`` gives that of an origin; several may share one."""
        self._make = partial(Gate[Q], most, start, defer, clock)
        self._tally = tally
        self._gates: dict[str, Gate[Q]] = {}

    def __iter__(self) -> Iterator[Gate[Q]]:
        return iter(self._gates.values())

    def at(self, origin: str) -> Gate[Q]:
        gate = self._gates.get(origin)
        if gate is None:
            if len(self._gates) >= self.MOST_GATES:
                self._drop_idle()
            gate = self._gates[origin] = self._make(self._tally(origin))
        return gate

    def hold_up(self, gate: Gate[Q], *, urgent: bool) -> bool:
        """Whether waiting for this far end, which is late, holds up an alert or other far ends.

        On a machine that is slow itself all are late, and nothing is gained by writing them down.
        """
        return gate.late and (urgent or any(other.quick for other in self))

    def _drop_idle(self) -> None:
        for origin in [origin for origin, gate in self._gates.items() if gate.idle]:
            self._gates.pop(origin).close()

    def close(self) -> None:
        for gate in self._gates.values():
            gate.close()
