# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The order in which a worker reads batches."""

from __future__ import annotations

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.delivery.database_source import DatabaseSource
from canale.delivery.leases import BatchLease, count_failure
from canale.delivery.models import Batch, Broadcast, PendingMessage
from canale.delivery.pending import PendingLease, plan_welcomes
from canale.delivery.source import MAX_URGENT_RETRIES_IN_A_ROW, ChunkSource
from canale.delivery.window import window_of
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from tests.sending import (
    RETRY,
    Clock,
    add_follower,
    city_of,
    new_reader,
    next_batch_chunk,
    published,
    record,
)


@pytest.mark.django_db
def test_normal_batches_are_read_between_retries_of_alerts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("canale.delivery.pending.RETRY_CHUNK", 1)
    channel = create_channel("cremona", "Comune di Cremona")
    for number in range(10):
        endpoint = {"endpoint": f"https://push.example/{number}"}
        follow(channel, new_token(), address=("push", endpoint), topics=[], language="it")
    PendingMessage.objects.all().delete()
    for kind in ("alert", "news"):
        publish(save_draft(channel, Content(kind, "Titolo", "Testo"), by="cli"), by="cli")
    alert = Broadcast.objects.get(urgent=True)
    Batch.objects.filter(broadcast=alert).delete()
    now = timezone.now()
    for address in Address.objects.all():
        PendingMessage.objects.create(broadcast=alert, address=address, urgent=True, not_before=now)
    reader = ChunkSource("worker", DatabaseSource(), timezone.now)
    read = [reader.next(window_of([])) for _ in range(2 * MAX_URGENT_RETRIES_IN_A_ROW + 1)]
    assert [type(chunk.lease) for chunk in read if chunk is not None] == [
        *[PendingLease] * MAX_URGENT_RETRIES_IN_A_ROW,
        BatchLease,
        *[PendingLease] * MAX_URGENT_RETRIES_IN_A_ROW,
    ]
    # And alerts again where there is nothing else.
    again = reader.next(window_of([]))
    assert again is not None
    assert isinstance(again.lease, PendingLease)


@pytest.mark.django_db(transaction=True)
def test_retry_is_read_with_its_address_and_its_message() -> None:
    city, clock = city_of(2), Clock()
    published(city)
    reader = new_reader("a:1:1", clock)
    record(clock.now, next_batch_chunk(reader), RETRY)
    clock.forward(minutes=10)
    chunk = reader.next(window_of([]))
    assert chunk is not None
    assert isinstance(chunk.lease, PendingLease)
    addresses = Address.objects.in_bulk([recipient.address_id for recipient in chunk.recipients])
    assert {row.address_id for row in chunk.lease.rows} == set(addresses)
    assert len(addresses) == 2
    assert chunk.lease.broadcast == Broadcast.objects.get()
    assert chunk.messages["it"].title == "Il Po sale"


@pytest.mark.django_db(transaction=True)
def test_welcome_is_read_with_its_address_and_its_message() -> None:
    city, clock = city_of(1), Clock()
    add_follower(city, 7)
    address = Address.objects.latest("pk")
    plan_welcomes([address.pk])
    clock.forward(minutes=1)
    chunk = new_reader("a:1:1", clock).next(window_of([]))
    assert chunk is not None
    assert isinstance(chunk.lease, PendingLease)
    assert [recipient.address_id for recipient in chunk.recipients] == [address.pk]
    assert chunk.recipients[0].opened == {"endpoint": "https://push.example/7"}
    assert "Le notifiche funzionano" in f"{chunk.messages['it']}"
    assert chunk.lease.transport == "webpush"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", [Batch.State.DONE, Batch.State.WAITING, Batch.State.FAILED])
def test_failure_of_a_lost_batch_is_not_counted(state: str) -> None:
    published(city_of(1))
    Batch.objects.update(state=state, claimed_by="a:1:1")
    count_failure(Batch.objects.get(), "a:1:1", Clock().now)
    assert (Batch.objects.get().state, Batch.objects.get().failures) == (state, 0)
