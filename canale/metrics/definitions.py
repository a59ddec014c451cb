# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Definitions of all metrics that processes count. docs/metrics.md explains them.

No label ever names a person, an address or a host that a stranger chose.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

# The `_created` series would add one line for each series.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()

FAR_END = ("transport", "service")
ANSWER_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
DATABASE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LAG_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


def _counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(name, says, labels, registry=REGISTRY)


def _gauge(name: str, says: str, *labels: str) -> Gauge:
    return Gauge(name, says, labels, registry=REGISTRY, multiprocess_mode="livesum")


# Delivery

MESSAGES = _counter("canale_messages", "Messages answered by a far end", *FAR_END, "outcome")
MESSAGE_SECONDS = Histogram(
    "canale_push_duration_seconds",
    "From the start of a message to its answer",
    FAR_END,
    registry=REGISTRY,
    buckets=ANSWER_BOUNDS,
)
REJECTED = _counter("canale_rejected", "Messages refused for a fault of ours", "transport", "code")
CONCURRENCY_LIMIT = _gauge(
    "canale_push_concurrency_limit", "Messages that may be in flight now", *FAR_END
)
IN_FLIGHT = _gauge("canale_push_in_flight", "Messages in flight now", *FAR_END)
CIRCUIT_OPEN = _gauge(
    "canale_push_circuit_open", "Workers that send nothing, or one message as a probe", *FAR_END
)
COPIES = _counter("canale_copies", "Calls to outlets such as webhooks", "transport", "outcome")
BATCHES = _counter("canale_batches", "What workers did with batches", "event")
SLO_EVENTS = _counter(
    "canale_slo_events", "Addresses that a broadcast should have reached", "priority"
)
SLO_GOOD = _counter(
    "canale_slo_good", "Of these, accepted within 10 s (alerts) or 60 s", "priority"
)

# Site and stream

LIVE_CONNECTIONS = _gauge("canale_live_connections", "Open pages connected to the stream")
LIVE_EVENTS = _counter("canale_live_events", "Events given to the stream, by each web process")
LIVE_DELIVERIES = _counter("canale_live_deliveries", "Events written to open pages")
LIVE_DROPPED = _counter("canale_live_dropped", "Open pages dropped because they did not read")
LIVE_REFUSED = _counter("canale_live_refused", "Open pages refused because all places were taken")
PAGES = _counter("canale_pages", "Public pages answered", "from")

# Access

REFUSAL_REASONS = ("code", "csrf", "forbidden", "limit", "passkey", "password", "token")
REFUSALS = _counter("canale_refusals", "Sign-ins and requests that were refused", "reason")

# Processes

PROCESSES = _gauge("canale_processes", "Processes that run", "process")
LOOP_LAG = Histogram(
    "canale_event_loop_lag_seconds",
    "How late the event loop does what is due",
    ("process",),
    registry=REGISTRY,
    buckets=LAG_BOUNDS,
)
DATABASE_SECONDS = Histogram(
    "canale_database_seconds",
    "Time with the database",
    ("work",),
    registry=REGISTRY,
    buckets=DATABASE_BOUNDS,
)

# Known label values exist from the start, at 0, so that an alert sees the first increase.
for _event in ("claimed", "finished", "lost", "failed"):
    BATCHES.labels(_event)
for _reason in REFUSAL_REASONS:
    REFUSALS.labels(_reason)
for _priority in ("alert", "normal"):
    SLO_EVENTS.labels(_priority)
    SLO_GOOD.labels(_priority)

READING = DATABASE_SECONDS.labels("read")
RECORDING = DATABASE_SECONDS.labels("record")
REQUESTS = DATABASE_SECONDS.labels("request")
