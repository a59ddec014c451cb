# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a worker reads next."""

from __future__ import annotations

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.delivery.chunk import BatchChunk
from canale.delivery.engines.table import TableBatches
from canale.delivery.models import Batch, Broadcast, Retry, Welcome
from canale.delivery.reader import URGENT_REPEATS_IN_A_ROW, Reader
from canale.delivery.repeat import RetryChunk
from canale.delivery.window import lanes
from canale.followers.follow import follow
from canale.followers.models import Address
from canale.followers.readers import new_token
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.wording import Wording


@pytest.mark.django_db
def test_others_are_read_now_and_then_while_alerts_come_back_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("canale.delivery.repeat.REPEAT_CHUNK", 1)
    channel = create_channel("cremona", "Comune di Cremona")
    for number in range(10):
        endpoint = {"endpoint": f"https://push.example/{number}"}
        follow(channel, new_token(), address=("push", endpoint), topics=[], language="it")
    Welcome.objects.all().delete()
    for kind in ("alert", "news"):
        publish(save_draft(channel, Wording(kind, "Titolo", "Testo"), by="cli"), by="cli")
    alert = Broadcast.objects.get(urgent=True)
    Batch.objects.filter(broadcast=alert).delete()
    now = timezone.now()
    for address in Address.objects.all():
        Retry.objects.create(broadcast=alert, address=address, urgent=True, not_before=now)
    reader = Reader("worker", TableBatches(), timezone.now)
    read = [reader.next(lanes([])) for _ in range(2 * URGENT_REPEATS_IN_A_ROW + 1)]
    assert [type(chunk) for chunk in read] == [
        *[RetryChunk] * URGENT_REPEATS_IN_A_ROW,
        BatchChunk,
        *[RetryChunk] * URGENT_REPEATS_IN_A_ROW,
    ]
    # And alerts again where there is nothing else.
    assert isinstance(reader.next(lanes([])), RetryChunk)
