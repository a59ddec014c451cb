# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A welcome to which no answer came in time, and then one did."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.delivery.backoff import DETACHED_SECONDS
from canale.delivery.chunk import recipient_of
from canale.delivery.models import PendingMessage
from canale.delivery.pending import (
    WELCOME_ATTEMPTS,
    PendingLease,
    claim_pending,
    plan_welcomes,
    record_late,
)
from canale.delivery.transports.base import Outcome, Result
from canale.followers.models import Address, Follower

NO_ANSWER_YET = Result(Outcome.RETRY, None, "no answer yet", DETACHED_SECONDS)


@pytest.fixture
def address(db: None) -> Address:
    channel = create_channel("cremona", "Cremona")
    follower = Follower.objects.create(channel=channel, token_hash=b"1" * 32, language="it")
    made = Address.objects.create(
        follower=follower, channel=channel, kind="push", sealed=b"", fingerprint=b"1" * 32
    )
    plan_welcomes([made.pk])
    return made


def claimed(now: datetime) -> PendingLease:
    welcomes = claim_pending(now, urgent=True)
    assert welcomes is not None
    return welcomes


@pytest.mark.parametrize(("outcome", "addresses"), [(Outcome.ACCEPTED, 1), (Outcome.GONE, 0)])
def test_welcome_is_not_sent_again(address: Address, outcome: Outcome, addresses: int) -> None:
    now = timezone.now()
    welcomes = claimed(now)
    welcomes.record_results([(recipient_of(address), NO_ANSWER_YET)], now)
    assert PendingMessage.objects.get().not_before > now + timedelta(seconds=DETACHED_SECONDS)
    answer = Result(outcome, 201, "")
    record_late(welcomes, [(recipient_of(address), answer)], now, in_time=0)
    assert (PendingMessage.objects.count(), Address.objects.count()) == (0, addresses)


def test_untried_welcome_is_not_given_up(address: Address) -> None:
    deferred = Result(Outcome.RETRY, None, "deferred", 1.0, tried=False)
    now = timezone.now()
    for _ in range(2 * WELCOME_ATTEMPTS):
        now += timedelta(seconds=10)
        claimed(now).record_results([(recipient_of(address), deferred)], now)
    assert PendingMessage.objects.get().attempts == 0
