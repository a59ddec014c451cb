# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A welcome to which no answer came in time, and then one did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.delivery.chunk import parcel
from canale.delivery.models import Welcome
from canale.delivery.repeat import (
    WELCOME_ATTEMPTS,
    claim_welcomes,
    record_late_welcomes,
    record_welcomes,
)
from canale.delivery.shipment import PARKED_SECONDS
from canale.delivery.transports.base import Outcome, Result
from canale.followers.models import Address, Follower

PARKED = Result(Outcome.LATER, None, "no answer yet", PARKED_SECONDS)


@pytest.fixture
def address(db: None) -> Address:
    channel = create_channel("cremona", "Cremona")
    follower = Follower.objects.create(channel=channel, token_hash=b"1" * 32, language="it")
    made = Address.objects.create(
        follower=follower, channel=channel, kind="push", sealed=b"", fingerprint=b"1" * 32
    )
    Welcome.objects.create(address=made)
    return made


@pytest.mark.parametrize(
    ("outcome", "welcomes", "addresses"), [(Outcome.ACCEPTED, 0, 1), (Outcome.GONE, 0, 0)]
)
def test_it_is_not_sent_again(
    address: Address, outcome: Outcome, welcomes: int, addresses: int
) -> None:
    now = timezone.now()
    rows = claim_welcomes(now)
    record_welcomes(rows, [(parcel(address), PARKED)], now)
    assert Welcome.objects.get().not_before > now + timedelta(seconds=PARKED_SECONDS)
    record_late_welcomes([(parcel(address), Result(outcome, 201, ""))], now)
    assert (Welcome.objects.count(), Address.objects.count()) == (welcomes, addresses)


def test_one_that_was_never_tried_is_not_given_up(address: Address) -> None:
    deferred = Result(Outcome.LATER, None, "deferred", 1.0, tried=False)
    now = timezone.now()
    for _ in range(2 * WELCOME_ATTEMPTS):
        now += timedelta(seconds=10)
        record_welcomes(claim_welcomes(now), [(parcel(address), deferred)], now)
    assert Welcome.objects.get().attempts == 0
