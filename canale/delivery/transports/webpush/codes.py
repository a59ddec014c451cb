# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The meaning of a push service's status codes (RFC 8030; each service's own documentation).

- Mozilla: https://mozilla-services.github.io/autopush-rs/errors.html
- Apple: https://developer.apple.com/documentation/usernotifications
- Windows: https://learn.microsoft.com/windows/apps/develop/notifications/push-notifications
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from canale.delivery.transports.base import Outcome, Result
from canale.net.retry_after import seconds_of


@dataclass(frozen=True, slots=True)
class Answer:
    """One row: what the code means, what becomes of the message, whether to send it shorter."""

    meaning: str
    outcome: Outcome
    shrink: bool = False


CODES: dict[int, Answer] = {
    200: Answer("accepted", Outcome.ACCEPTED),
    201: Answer("accepted", Outcome.ACCEPTED),
    202: Answer("accepted, receipt promised", Outcome.ACCEPTED),
    400: Answer("our request is malformed", Outcome.REJECTED),
    401: Answer("our VAPID token is missing or wrong", Outcome.REJECTED),
    403: Answer("the subscription belongs to another VAPID key", Outcome.REJECTED),
    404: Answer("no such subscription", Outcome.GONE),
    406: Answer("throttled (Windows)", Outcome.RETRY),
    408: Answer("the service waited too long for us", Outcome.RETRY),
    410: Answer("the subscription has ended", Outcome.GONE),
    413: Answer("the message is too large", Outcome.REJECTED, shrink=True),
    429: Answer("too many messages", Outcome.RETRY),
    500: Answer("the service has failed", Outcome.RETRY),
    502: Answer("the service cannot be reached behind its gateway", Outcome.RETRY),
    503: Answer("the service is overloaded or being repaired", Outcome.RETRY),
    504: Answer("the service did not answer its gateway", Outcome.RETRY),
}

# For codes without a row, by their first digit.
CLASSES: dict[int, Answer] = {
    2: Answer("accepted", Outcome.ACCEPTED),
    3: Answer("the service points elsewhere; we do not follow", Outcome.REJECTED),
    4: Answer("the service refuses our request", Outcome.REJECTED),
    5: Answer("the service has failed", Outcome.RETRY),
}

# An unknown kind of code is no answer.
UNKNOWN = Answer("not a push service's answer", Outcome.RETRY)


def answer_to(code: int) -> Answer:
    """The row for a status code; every code has one."""
    return CODES.get(code) or CLASSES.get(code // 100, UNKNOWN)


def result_of(code: int, retry_after: str | None, now: datetime | None = None) -> Result:
    """The result of one answer; ``retry_after`` is that header's text."""
    answer = answer_to(code)
    if answer.outcome is not Outcome.RETRY:
        return _final(code)
    wait = seconds_of(retry_after, now or datetime.now(UTC))
    return Result(answer.outcome, code, answer.meaning, wait)


@lru_cache(maxsize=1024)
def _final(code: int) -> Result:
    """Nearly all answers are alike."""
    answer = answer_to(code)
    return Result(answer.outcome, code, answer.meaning)
