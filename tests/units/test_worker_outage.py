# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A worker's evidence that the database answers again."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError, connection

from canale.channel.channels import create_channel
from canale.delivery.chunk import Chunk, Recipient
from canale.delivery.database_source import DatabaseSource
from canale.delivery.models import Broadcast
from canale.delivery.pending import PendingLease
from canale.delivery.window import WINDOW_ADDRESSES
from canale.delivery.worker import Worker
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.runtime.database_away import DatabaseProblem, Outage


@pytest.mark.django_db(transaction=True)
def test_idle_worker_does_not_clear_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city = create_channel("cremona", "Cremona")
    publish(save_draft(city, Content("alert", "Titolo", "Testo"), by="cli"), by="cli")
    alert = Broadcast.objects.get()
    now = [100.0]
    outage = Outage(clock=lambda: now[0])
    monkeypatch.setattr("canale.runtime.database_thread.outage", outage)
    outage.failed(DatabaseProblem.AWAY, OperationalError("refused"))
    now[0] += 60

    async def flow() -> None:
        worker = Worker(DatabaseSource())
        recipients = [Recipient(number, "it", None) for number in range(WINDOW_ADDRESSES)]
        worker._chunks.append(Chunk(PendingLease([], alert), recipients, {}))
        over = []
        for chunks in (1, 0):
            del worker._chunks[chunks:]
            assert await worker._next() is None
            over.append(outage.now is None)
        assert over == [False, True]
        await worker.database.run(lambda: connection.close())

    asyncio.run(flow())
