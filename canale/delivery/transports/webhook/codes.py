# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The meaning of a receiver's status codes (Standard Webhooks, *Operational considerations*)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from canale.delivery.transports.base import Outcome, Result
from canale.net.retry_after import seconds_of


class StatusRule(NamedTuple):
    """The meaning of a code, and what becomes of the copy."""

    meaning: str
    outcome: Outcome


CODES: dict[int, StatusRule] = {
    410: StatusRule("the receiver wants no more events", Outcome.GONE),
    429: StatusRule("too many events", Outcome.RETRY),
}
# For codes without a row, by their first digit.
CLASSES: dict[int, StatusRule] = {
    2: StatusRule("accepted", Outcome.ACCEPTED),
    3: StatusRule("the receiver points elsewhere; we do not follow", Outcome.REJECTED),
    4: StatusRule("the receiver refuses the event", Outcome.REJECTED),
    # It may have processed the event before it failed.
    5: StatusRule("the receiver has failed", Outcome.UNKNOWN),
}
OTHER = StatusRule("not an answer", Outcome.UNKNOWN)


def rule_of(code: int) -> StatusRule:
    """Return the row for a status code; every code has one."""
    return CODES.get(code) or CLASSES.get(code // 100, OTHER)


def result_of(code: int, retry_after: str | None, now: datetime | None = None) -> Result:
    """Classify one answer; ``retry_after`` is that header's text."""
    rule = rule_of(code)
    final = rule.outcome not in (Outcome.RETRY, Outcome.UNKNOWN)
    wait = None if final else seconds_of(retry_after, now or datetime.now(UTC))
    return Result(rule.outcome, code, rule.meaning, wait)
