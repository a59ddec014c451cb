# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What canale promises: an alert is with the push services within 10 seconds, the rest within 60.

Counted from the moment of publishing, which is a little before the commit, to the far end's answer.
"""

from __future__ import annotations

from datetime import datetime

from canale.delivery.models import Broadcast
from canale.delivery.priority import Priority
from canale.metrics.names import OBJECTIVE_ADDRESSES, OBJECTIVE_IN_TIME

ALERT_SECONDS = 10
NORMAL_SECONDS = 60


def objective_seconds(*, urgent: bool) -> int:
    return ALERT_SECONDS if urgent else NORMAL_SECONDS


def seconds_left(broadcast: Broadcast, now: datetime) -> float:
    """Until the objective of a broadcast is missed; negative when it is."""
    spent = (now - broadcast.created_at).total_seconds()
    return objective_seconds(urgent=broadcast.urgent) - spent


def measure(broadcast: Broadcast, addresses: int, in_time: int) -> None:
    """Of so many addresses that should have been reached it is known what became of them."""
    priority = Priority.of(urgent=broadcast.urgent)
    OBJECTIVE_ADDRESSES.labels(priority).inc(addresses)
    OBJECTIVE_IN_TIME.labels(priority).inc(in_time)
