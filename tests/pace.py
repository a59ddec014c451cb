# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How often something may be done before it is refused, on a machine of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


def answers_until_refused(act: Callable[[int], int], at_once: int, per_seconds: int) -> list[int]:
    """The statuses of acts 0, 1, 2… up to the first 429, which is the last.

    Fails where more are let through than ``at_once``, then one each ``per_seconds / at_once``
    seconds: a slow machine may have earned some more acts before it has used up the first ones.
    """
    began, today = time.monotonic(), datetime.now(UTC).date()
    answers: list[int] = []
    while not answers or answers[-1] != 429:
        earned = (time.monotonic() - began) * at_once / per_seconds
        # Rate limits start again at midnight (net/rate_limits.py).
        begun = 1 + (datetime.now(UTC).date() - today).days
        assert len(answers) <= begun * at_once + earned + 1, answers
        answers.append(act(len(answers)))
    return answers
