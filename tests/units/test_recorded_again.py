# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Results that a failing database did not record are recorded again, as if for the first time."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.delivery.chunk import Recipient
from canale.delivery.models import Broadcast, PendingMessage
from canale.delivery.pending import claim_pending
from canale.delivery.transports.base import Outcome, Result
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish

DEFERRED = Result(Outcome.RETRY, None, "deferred", 5.0, tried=False)


@pytest.mark.django_db
def test_deferred_retry_recorded_twice_costs_no_attempt() -> None:
    city = create_channel("cremona", "Cremona")
    to = ("push", {"endpoint": "https://push.example/1"})
    follow(city, new_token(), address=to, topics=[], language="it")
    publish(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
    broadcast, address, now = Broadcast.objects.get(), Address.objects.get(), timezone.now()
    PendingMessage.objects.create(broadcast=broadcast, address=address, attempts=0, not_before=now)
    retries = claim_pending(now, urgent=False)
    assert retries is not None
    for fails in (True, True, False):
        with transaction.atomic():
            retries.record_results([(Recipient(address.pk, "it", {}), DEFERRED)], now)
            transaction.set_rollback(fails)
    assert PendingMessage.objects.get().attempts == 0
