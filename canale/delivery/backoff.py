# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The delay before a message is tried again."""

from __future__ import annotations

import random

from canale.delivery.transports.base import Result

INITIAL_SECONDS = 5.0
MAX_SECONDS = 900.0
# A started message may be answered for this long (the transport's own time-out and some more):
# it is not sent again before that, however it is recorded.
DETACHED_SECONDS = 60.0


def next_attempt(attempts: int, result: Result) -> float:
    """Seconds until the next attempt after ``attempts`` failed ones.

    Doubles each time, with jitter, so that messages that failed together are not retried
    together; never earlier than the far end asked for (RFC 9110, section 10.2.3). A message that
    was not tried waits for ``retry_after`` alone.
    """
    asked = result.retry_after or 0.0
    if not result.tried:
        return asked
    pause = min(INITIAL_SECONDS * 2.0 ** min(attempts - 1, 10), MAX_SECONDS)
    return max(pause * random.uniform(0.5, 1.0), asked + random.uniform(0, 1))
