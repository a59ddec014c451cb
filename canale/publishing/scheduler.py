# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Periodic tasks. There is no leader: every node runs them, and each is a conditional update."""

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
# By then every process has read the database's clock again.
NOTICED_TICKS = int(2 * READ_SECONDS)
ANSWERS_KEPT = timedelta(days=1)

Task = Callable[[datetime], object]


def _prune(now: datetime) -> None:
    IdempotencyKey.objects.filter(created_at__lt=now - ANSWERS_KEPT).delete()
    invites.prune(timezone.localdate(now))
    prune_past(now)
    SessionStore.clear_expired()


# The interval of each task.
TASKS: tuple[tuple[timedelta, Task], ...] = (
    (timedelta(seconds=1), publish_reaction_updates),
    (timedelta(seconds=5), log_failures),
    (timedelta(seconds=10), expire_due),
    (timedelta(seconds=60), lambda _: attempts.prune()),
    (timedelta(hours=1), _prune),
)


class Scheduler(threading.Thread):
    """Run each task at its interval until it is stopped."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._clock = DatabaseClock(monotonic)
        self._ended = threading.Event()
        self._ticks = 0
        self._monotonic = monotonic
        self._ahead = float("-inf")
        """The offset of the wall clock from the monotonic clock."""
        self._bring_forward_until = 0
        """A number of ticks."""

    def run(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            if self._ticks % int(READ_SECONDS) == 0:
                self._run_task(lambda _: self._clock.read(), timezone.now())
            self.tick(self._clock())
        connection.close()

    def tick(self, now: datetime) -> None:
        """Run what is due, counted in ticks, because clocks may jump.

        An error in one task does not stop the others.
        """
        close_old_connections()
        ahead = now.timestamp() - self._monotonic()
        # A time service corrects by less.
        if ahead < self._ahead - CLOCK_STEP_SECONDS:
            logger.warning("System clock moved backwards; rescheduling what it had delayed")
            self._bring_forward_until = self._ticks + NOTICED_TICKS
        self._ahead = ahead
        if self._ticks < self._bring_forward_until:
            self._run_task(clamp_deadlines, now)
        for interval, task in TASKS:
            if self._ticks % int(interval.total_seconds()) == 0:
                self._run_task(task, now)
        self._ticks += 1

    def _run_task(self, task: Task, now: datetime) -> None:
        try:
            task(now)
        except Exception:
            name = getattr(task, "__qualname__", repr(task))
            logger.exception("Periodic task %s failed; will retry", name)

    def stop(self) -> None:
        self._ended.set()
        self.join(10)
