# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Turns a far end's HTTP status codes into outcomes, by a table of each transport."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from canale.delivery.transports.base import Outcome, Result
from canale.net.retry_after import seconds_of


class StatusRule(NamedTuple):
    """The meaning of a code, what becomes of the message, and whether to send it shorter."""

    meaning: str
    outcome: Outcome
    shrink: bool = False


class StatusTable:
    """One far end's rules: by code, by the first digit of the other codes, and for the rest."""

    def __init__(
        self,
        codes: Mapping[int, StatusRule],
        classes: Mapping[int, StatusRule],
        other: StatusRule,
    ) -> None:
        self._codes = codes
        self._classes = classes
        self._other = other
        self._final: dict[int, Result] = {}
        """Results that no header changes, by code: nearly all messages share a few."""

    def rule_of(self, code: int) -> StatusRule:
        """Return the rule for a status code; every code has one."""
        return self._codes.get(code) or self._classes.get(code // 100, self._other)

    def result_of(self, code: int, retry_after: str | None, now: datetime | None = None) -> Result:
        """Classify one response; ``retry_after`` is that header's text."""
        if (known := self._final.get(code)) is not None:
            return known
        rule = self.rule_of(code)
        if rule.outcome in (Outcome.RETRY, Outcome.UNKNOWN):
            wait = seconds_of(retry_after, now or datetime.now(UTC))
            return Result(rule.outcome, code, rule.meaning, wait)
        result = self._final[code] = Result(rule.outcome, code, rule.meaning)
        return result
