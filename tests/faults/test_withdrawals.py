# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post is withdrawn amid its broadcast: messages that are read but not started are not sent.

The push service holds its answers back, so that the number of messages in flight is known and
does not depend on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from canale.delivery.limiter import INITIAL_LIMIT
from tests.faults.amid import Fault
from tests.faults.broadcast import WORKERS, Broadcast, City, new_city

# Within a window: the rest of it is read by then.
TOLD = 50
# A limiter allows so many at first, and one more for each answer.
UNDER_WAY = WORKERS * INITIAL_LIMIT + TOLD
# For the word to reach the workers; less than the silence that makes a push service ill.
SECONDS = 1.0
# The word may take longer on a busy machine.
TIMES = 3


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    with new_city(tmp_path, "local", followers=1_000) as made:
        yield made


def told_after(city: City, headline: str) -> int:
    """How many are told of a post that was withdrawn when so few were."""
    withdrawn: list[Broadcast] = []
    published = Event()

    def withdraw() -> None:
        assert published.wait(60)
        withdrawn[0].withdraw()
        time.sleep(SECONDS)

    fault = Fault(withdraw, TOLD)
    city.push.put(fault, headline)
    withdrawn.append(city.publish(headline))
    published.set()
    before = fault.happened()
    assert before == TOLD
    withdrawn[0].nobody_is_told_any_more()
    return len(withdrawn[0].told()) - before


def test_withdrawal_stops_messages_that_are_read_but_not_started(city: City) -> None:
    assert city.token
    after: list[int] = []
    while not after or (after[-1] > UNDER_WAY and len(after) < TIMES):
        after.append(told_after(city, f"Ritirato {len(after)}"))
    assert after[-1] <= UNDER_WAY, after
