# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Metrics of delivery: each worker's once a second, the tables' when they are scraped."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from canale.delivery.clock import by_the_databases_clock
from canale.delivery.failed_batches import active
from canale.delivery.leases import unfinished
from canale.delivery.limiter import Limiters
from canale.delivery.models import Batch, Broadcast, PendingMessage
from canale.delivery.transports.base import FanOutTransport
from canale.delivery.transports.registry import FAN_OUTS
from canale.delivery.window import Priority
from canale.metrics.definitions import CIRCUIT_OPEN, CONCURRENCY_LIMIT, IN_FLIGHT, REJECTED
from canale.metrics.service_counters import ServiceCounters

KEPT_SECONDS = 1.0


class WorkerMetrics:
    """The metrics of one worker. Belongs to its event loop."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, str], ServiceCounters] = {}
        self._limiters: dict[str, Limiters[Any]] = {}
        self._seen: set[tuple[str, str]] = set()
        # Exported from the start, at 0, so that an alert sees the first of its kind.
        for entry in FAN_OUTS:
            for code in ("none", *entry.refusals):
                REJECTED.labels(entry.name, code)

    def counters_of(
        self, name: str, transport: FanOutTransport[Any]
    ) -> Callable[[str], ServiceCounters]:
        """Return a function that returns the counters for an origin of that transport."""
        return lambda origin: self._of(name, transport.service(origin))

    def watch(self, name: str, limiters: Limiters[Any]) -> None:
        self._limiters[name] = limiters

    def unopened(self, name: str, count: int) -> None:
        """Count addresses that the vault could not open: their origin is unknown."""
        for _ in range(count):
            self._of(name, "none").add("rejected", None, 0.0)

    def _of(self, name: str, origin: str) -> ServiceCounters:
        key = name, origin
        if key not in self._counters:
            self._counters[key] = ServiceCounters(name, origin)
        return self._counters[key]

    def flush(self) -> None:
        """Set the gauges: a service's limiters are added up; one that has none now counts 0."""
        limit: dict[tuple[str, str], int] = defaultdict(int)
        in_flight: dict[tuple[str, str], int] = defaultdict(int)
        circuit_open: dict[tuple[str, str], int] = defaultdict(int)
        for name, limiters in self._limiters.items():
            for limiter in limiters:
                labels = name, limiter.counters.origin
                self._seen.add(labels)
                limit[labels] += limiter.limit
                in_flight[labels] += limiter.in_flight
                circuit_open[labels] += limiter.circuit_open
        for labels in self._seen:
            CONCURRENCY_LIMIT.labels(*labels).set(limit[labels])
            IN_FLIGHT.labels(*labels).set(in_flight[labels])
            CIRCUIT_OPEN.labels(*labels).set(circuit_open[labels])


class QueueCollector(Collector):
    """The queue in the tables, for the whole installation: any node that is scraped reads it.

    Kept for a second, so that several scrapers cost one reading.
    """

    def __init__(
        self,
        now: Callable[[], datetime] = timezone.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._read_at = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Describe the names only."""
        return (make() for make in FAMILIES)

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if self._monotonic() - self._read_at <= KEPT_SECONDS:
                return self._kept
            database_up = _DATABASE()
            try:
                close_old_connections()
                self._kept = [*_waiting(self._now()), database_up]
                database_up.add_metric([], 1)
            except DatabaseError:
                # Export only that the database cannot be read.
                self._kept = [database_up]
                database_up.add_metric([], 0)
            finally:
                connection.close()
            self._read_at = self._monotonic()
            return self._kept


def _family(name: str, says: str, *labels: str) -> Callable[[], GaugeMetricFamily]:
    return partial(GaugeMetricFamily, name, says, labels=labels)


_BATCHES = _family("canale_queue_batches", "Batches not finished", "priority", "transport")
_OLDEST = _family(
    "canale_queue_oldest_seconds", "Age of the oldest unfinished batch", "priority", "transport"
)
_RETRIES = _family("canale_retries_waiting", "Messages to be tried again", "priority", "transport")
_FAILED = _family(
    "canale_queue_failed_batches", "Batches given up after an unforeseen error", "transport"
)
_WELCOMES = _family("canale_welcomes_waiting", "PendingLease to be sent")
_DATABASE = _family("canale_database_up", "Whether the queue could be read: 1 or 0")
FAMILIES = (_BATCHES, _OLDEST, _RETRIES, _FAILED, _WELCOMES, _DATABASE)


def _waiting(now: datetime) -> Iterator[Metric]:
    now = by_the_databases_clock(now)
    batches, oldest, retries, failed = _BATCHES(), _OLDEST(), _RETRIES(), _FAILED()
    queue = unfinished().order_by().values_list("urgent", "broadcast__transport")
    counted = {
        row[:2]: row[2:] for row in queue.annotate(Count("pk"), Min("broadcast__created_at"))
    }
    pending = PendingMessage.objects.order_by()
    again = pending.values_list("broadcast__urgent", "broadcast__transport")
    to_retry = {row[:2]: row[2] for row in again.annotate(Count("pk"))}
    # Nothing can be done about the others: nobody need be paged for them.
    alive = Broadcast.objects.filter(active(now))
    given_up = Batch.objects.filter(state=Batch.State.FAILED, broadcast__in=alive).order_by()
    stuck = dict(given_up.values_list("broadcast__transport").annotate(Count("pk")))
    for entry in FAN_OUTS:
        for urgent in (True, False):
            labels, key = [Priority.of(urgent=urgent), entry.name], (urgent, entry.name)
            count, since = counted.get(key, (0, now))
            batches.add_metric(labels, count)
            oldest.add_metric(labels, max(0.0, (now - since).total_seconds()))
            retries.add_metric(labels, to_retry.get(key, 0))
        failed.add_metric([entry.name], stuck.get(entry.name, 0))
    welcomes = _WELCOMES()
    welcomes.add_metric([], pending.filter(broadcast=None).count())
    yield from (batches, oldest, retries, failed, welcomes)
