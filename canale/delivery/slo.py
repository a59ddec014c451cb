# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The service level objective: push services have an alert within 10 seconds, the rest within 60.

Measured from the moment of publishing, a little before the commit, to the service's answer.
"""

from __future__ import annotations

from datetime import datetime

from canale.delivery.models import Broadcast
from canale.delivery.window import Priority
from canale.metrics.definitions import SLO_EVENTS, SLO_GOOD

ALERT_SECONDS = 10
NORMAL_SECONDS = 60


def slo_seconds(*, urgent: bool) -> int:
    return ALERT_SECONDS if urgent else NORMAL_SECONDS


def seconds_left(broadcast: Broadcast, now: datetime) -> float:
    """Seconds until a broadcast misses the objective; negative when it has."""
    spent = (now - broadcast.created_at).total_seconds()
    return slo_seconds(urgent=broadcast.urgent) - spent


def measure(broadcast: Broadcast, addresses: int, in_time: int) -> None:
    """Count addresses whose outcome is known, and how many of them met the objective."""
    priority = Priority.of(urgent=broadcast.urgent)
    SLO_EVENTS.labels(priority).inc(addresses)
    SLO_GOOD.labels(priority).inc(in_time)
