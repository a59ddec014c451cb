# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the clock sets off. No leader: every node does it, and each act is a conditional update."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import close_old_connections, connection
from django.utils import timezone

from canale.accounts import attempts
from canale.accounts.failures import log_failures
from canale.accounts.models import IdempotencyKey
from canale.accounts.sessions import SessionStore
from canale.delivery.clock import READ_SECONDS, DatabaseClock
from canale.delivery.leases import clamp_deadlines
from canale.followers import invites
from canale.live.reaction_updates import publish_reaction_updates
from canale.publishing.expire import expire_due, prune_past

logger = logging.getLogger(__name__)
TICK_SECONDS = 1.0
CLOCK_STEP_SECONDS = 10.0
# Until then everybody has read the database's clock, and puts nothing off by the one before.
NOTICED_TICKS = int(2 * READ_SECONDS)
ANSWERS_KEPT = timedelta(days=1)

Chore = Callable[[datetime], object]


def _prune(now: datetime) -> None:
    IdempotencyKey.objects.filter(created_at__lt=now - ANSWERS_KEPT).delete()
    invites.prune(timezone.localdate(now))
    prune_past(now)
    SessionStore.clear_expired()


# How often, and what.
CHORES: tuple[tuple[timedelta, Chore], ...] = (
    (timedelta(seconds=1), publish_reaction_updates),
    (timedelta(seconds=5), log_failures),
    (timedelta(seconds=10), expire_due),
    (timedelta(seconds=60), lambda _: attempts.prune()),
    (timedelta(hours=1), _prune),
)


class Scheduler(threading.Thread):
    """Does each chore in its rhythm until it is stopped."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._clock = DatabaseClock(monotonic)
        self._ended = threading.Event()
        self._ticks = 0
        self._monotonic = monotonic
        self._ahead = float("-inf")
        """Of the monotonic clock, the wall clock."""
        self._bring_forward_until = 0
        """As a number of ticks."""

    def run(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            if self._ticks % int(READ_SECONDS) == 0:
                self._do(lambda _: self._clock.read(), timezone.now())
            self.tick(self._clock())
        connection.close()

    def tick(self, now: datetime) -> None:
        """One bad chore does not stop the others. Counted in ticks: clocks may jump."""
        close_old_connections()
        if self._clock_went_back(now):
            logger.warning("The clock was put back; what it had put off comes sooner")
            self._bring_forward_until = self._ticks + NOTICED_TICKS
        if self._ticks < self._bring_forward_until:
            self._do(clamp_deadlines, now)
        for every, chore in CHORES:
            if self._ticks % int(every.total_seconds()) == 0:
                self._do(chore, now)
        self._ticks += 1

    def _clock_went_back(self, now: datetime) -> bool:
        """Since the last tick, by more than the small corrections of a time service."""
        ahead = now.timestamp() - self._monotonic()
        went_back = ahead < self._ahead - CLOCK_STEP_SECONDS
        self._ahead = ahead
        return went_back

    def _do(self, chore: Chore, now: datetime) -> None:
        try:
            chore(now)
        except Exception:
            logger.exception("A chore of the scheduler failed; it is tried again")

    def stop(self) -> None:
        self._ended.set()
        self.join(10)
