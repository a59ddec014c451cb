# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A batch that fails for a reason that nobody foresaw does not stay under way for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from canale.channel.channels import create_channel
from canale.channel.models import Post
from canale.delivery import reader as reading
from canale.delivery.chunk import BatchChunk, record_chunks
from canale.delivery.engines.table import TableBatches
from canale.delivery.models import Batch, Broadcast
from canale.delivery.progress import progress
from canale.delivery.queue import MOST_FAILURES, claim_next
from canale.delivery.reader import BatchFailed, Reader
from canale.delivery.transports.base import Outcome, Result
from canale.followers.follow import follow
from canale.followers.readers import new_token
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.wording import Wording

ACCEPTED = Result(Outcome.ACCEPTED, 201, "")
WORKER = "a:1:1"


class Clock:
    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def post(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr("canale.delivery.chunk.CHUNK_ADDRESSES", 2)
    channel = create_channel("cremona", "Comune di Cremona")
    for number in range(6):
        endpoint = {"endpoint": f"https://push.example/{number}"}
        follow(channel, new_token(), address=("push", endpoint), topics=[], language="it")
    found = save_draft(channel, Wording("news", "Titolo", "Testo"), by="cli")
    publish(found, by="cli")
    return found


def record(chunk: BatchChunk, now: datetime) -> None:
    results = [(parcel, ACCEPTED) for parcel in chunk.parcels]
    record_chunks(WORKER, [chunk], results, now, len(results))


def next_batch_chunk(reader: Reader) -> BatchChunk:
    chunk = reader.next(repeats=False)
    assert isinstance(chunk, BatchChunk)
    return chunk


def break_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """The reading of every chunk after so many goes wrong."""
    whole, left = reading.read_chunk, [chunks]

    def broken(claim: Any) -> BatchChunk:
        if not left[0]:
            raise RuntimeError("nobody foresaw this")
        left[0] -= 1
        return whole(claim)

    monkeypatch.setattr(reading, "read_chunk", broken)


def test_it_is_tried_later_and_later_then_given_up(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(monkeypatch, 0)
    clock = Clock()
    reader = Reader(WORKER, TableBatches(), clock)
    pauses = []
    for _ in range(MOST_FAILURES - 1):
        with pytest.raises(BatchFailed):
            reader.next(repeats=False)
        until = Batch.objects.get().claimed_until
        assert until is not None
        pauses.append((until - clock.now).total_seconds())
        assert reader.next(repeats=False) is None, "others go first"
        clock.now = until + timedelta(seconds=1)
    assert pauses == [30, 60, 120, 240]
    assert not progress(post)[0].finished
    with pytest.raises(BatchFailed):
        reader.next(repeats=False)
    assert Batch.objects.get().state == Batch.State.FAILED
    assert claim_next(WORKER, clock.now + timedelta(days=1), urgent=False) is None
    row = progress(post)[0]
    assert (row.finished, row.given_up, row.not_sent, row.waiting) == (True, True, 6, 0)


def test_what_was_read_before_is_recorded_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    break_after(monkeypatch, 2)
    clock = Clock()
    reader = Reader(WORKER, TableBatches(), clock)
    first, second = next_batch_chunk(reader), next_batch_chunk(reader)
    with pytest.raises(BatchFailed):
        reader.next(repeats=False)
    record(first, clock.now)
    assert Batch.objects.get().failures == 0, "the second is still on its way"
    record(second, clock.now)
    batch = Batch.objects.get()
    assert (batch.state, batch.failures, batch.cursor) == ("claimed", 1, second.end)
    clock.now += timedelta(seconds=31)
    monkeypatch.undo()
    monkeypatch.setattr("canale.delivery.chunk.CHUNK_ADDRESSES", 2)
    third = next_batch_chunk(reader)
    record(third, clock.now)
    batch = Batch.objects.get()
    assert (batch.state, Broadcast.objects.get().accepted) == ("done", 6)


def test_progress_forgives_earlier_failures(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    Batch.objects.update(failures=MOST_FAILURES - 1)
    clock = Clock()
    reader = Reader(WORKER, TableBatches(), clock)
    record(next_batch_chunk(reader), clock.now)
    break_after(monkeypatch, 0)
    with pytest.raises(BatchFailed):
        reader.next(repeats=False)
    batch = Batch.objects.get()
    assert (batch.state, batch.failures) == ("claimed", 1)


def test_the_newsroom_says_it_in_plain_words(post: Post, client: Any) -> None:
    from canale.accounts.models import Membership, Role, Staff

    staff = Staff.objects.create_user("a@cremona.test", "acqua alta")
    Membership.objects.create(staff=staff, channel=post.channel, role=Role.ADMIN)
    client.force_login(staff)
    Batch.objects.update(state=Batch.State.FAILED)
    with translation.override("it"):
        path = f"/newsroom/c/cremona/posts/{post.pk}/progress/"
        page = client.get(path, headers={"accept-language": "it"}).content.decode()
    assert "fermato da un errore" in page
    assert "Un errore di canale ha fermato una parte di questi avvisi" in page
    assert "hx-get" not in page, "it is over: nothing more to ask for"
