# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A batch that fails for a reason that nobody foresaw does not stay under way for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from canale.accounts.models import AuditEntry
from canale.channel.channels import create_channel
from canale.channel.models import Post
from canale.cli import main
from canale.delivery.chunk import Chunk
from canale.delivery.database_source import DatabaseSource
from canale.delivery.leases import MAX_FAILURES, BatchLease, claim
from canale.delivery.models import Batch, Broadcast
from canale.delivery.progress import progress
from canale.delivery.source import BatchFailedError, ChunkSource
from canale.delivery.transports.base import Outcome, Result
from canale.delivery.window import window_of
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.publishing.content import Content
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw
from tests.sending import next_batch_chunk, record

ACCEPTED = Result(Outcome.ACCEPTED, 201, "")
WORKER = "a:1:1"


class Clock:
    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now


class Bus:
    """Hears hints."""

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard

    def publish(self, subject: str, data: bytes = b"") -> None:
        self.heard.append(subject)


@pytest.fixture
def post(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr("canale.delivery.leases.CHUNK_ADDRESSES", 2)
    channel = create_channel("cremona", "Comune di Cremona")
    for number in range(6):
        endpoint = {"endpoint": f"https://push.example/{number}"}
        follow(channel, new_token(), address=("push", endpoint), topics=[], language="it")
    found = save_draft(channel, Content("news", "Titolo", "Testo"), by="cli")
    publish(found, by="cli")
    return found


def break_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """The reading of every chunk after so many goes wrong."""
    whole, left = BatchLease.read, [chunks]

    def broken(lease: BatchLease, now: datetime) -> Chunk:
        if not left[0]:
            raise RuntimeError("nobody foresaw this")
        left[0] -= 1
        return whole(lease, now)

    monkeypatch.setattr(BatchLease, "read", broken)


def test_failing_batch_backs_off_and_is_then_given_up(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(monkeypatch, 0)
    clock = Clock()
    reader = ChunkSource(WORKER, DatabaseSource(), clock)
    pauses = []
    for _ in range(MAX_FAILURES - 1):
        with pytest.raises(BatchFailedError):
            reader.next(window_of([]))
        until = Batch.objects.get().claimed_until
        assert until is not None
        pauses.append((until - clock.now).total_seconds())
        assert reader.next(window_of([])) is None, "others go first"
        clock.now = until + timedelta(seconds=1)
    assert pauses == [30, 60, 120, 240]
    assert not progress(post)[0].finished
    with pytest.raises(BatchFailedError):
        reader.next(window_of([]))
    assert Batch.objects.get().state == Batch.State.FAILED
    assert claim(WORKER, clock.now + timedelta(days=1), urgent=False) is None
    row = progress(post)[0]
    assert (row.finished, row.given_up, row.not_sent, row.waiting) == (True, True, 6, 0)


def test_resumed_batch_continues_where_it_stopped(
    post: Post, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("canale.delivery.plan.process_bus", lambda: Bus(woken))
    other = save_draft(post.channel, Content("news", "Altro", "Testo"), by="cli")
    publish(other, by="cli")
    clock = Clock()
    record(clock.now, next_batch_chunk(ChunkSource(WORKER, DatabaseSource(), clock)))
    Batch.objects.update(state=Batch.State.FAILED, failures=MAX_FAILURES, claimed_by="")
    woken.clear()
    assert main(["resume", "--post", str(other.pk + 1)]) == 1
    assert main(["resume", "--post", str(post.pk)]) == 0
    assert capsys.readouterr().out.endswith(f"/p/{post.pk}\t1 batch\n")
    assert woken == ["work"]
    assert Batch.objects.get(broadcast__post=other).state == Batch.State.FAILED
    mine = Batch.objects.get(broadcast__post=post)
    assert (mine.state, mine.failures, mine.cursor) == ("waiting", 0, mine.first_address + 1)
    # Another worker: the previous one still holds the batch.
    reader = ChunkSource("a:2:2", DatabaseSource(), clock)
    for _ in range(2):
        record(clock.now, next_batch_chunk(reader))
    row = progress(post)[0]
    assert (row.accepted, row.given_up, row.finished) == (6, False, True)
    assert main(["resume"]) == 0
    assert capsys.readouterr().out.endswith(f"/p/{other.pk}\t1 batch\n")
    assert main(["resume"]) == 0
    assert capsys.readouterr().out == "Nothing was given up.\n"
    said = AuditEntry.objects.filter(act="delivery.resumed").order_by("pk")
    assert [entry.detail for entry in said] == [{"post": post.pk}, {"post": other.pk}]


@pytest.mark.parametrize("why", ["corrected", "withdrawn", "old"])
def test_expired_withdrawn_or_corrected_batch_is_not_resumed(
    post: Post, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Broadcast.objects.get()
    first.batches.update(state=Batch.State.FAILED, failures=MAX_FAILURES)
    if why == "old":
        Broadcast.objects.update(expires_at=timezone.now())
    elif why == "withdrawn":
        withdraw(post, reason="Errore", by="cli")
    else:
        correct(post, Content("news", "Titolo", "Meglio"), note="Refuso", by="cli")
    assert main(["resume"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"/p/{post.pk}: 1 batch not resumed" in said.err
    assert first.batches.get().state == Batch.State.FAILED
    assert not AuditEntry.objects.filter(act="delivery.resumed").exists()


@pytest.mark.parametrize(("kind", "seconds"), [("alert", 10), ("news", 30)])
def test_expired_leases_are_taken_over_alerts_first(post: Post, kind: str, seconds: int) -> None:
    Batch.objects.all().delete()
    publish(save_draft(post.channel, Content(kind, "Il Po sale", "Testo"), by="cli"), by="cli")
    urgent, clock = kind == "alert", Clock()
    chunk = next_batch_chunk(ChunkSource("lost:1:1", DatabaseSource(), clock))
    recorded_at = clock.now + timedelta(seconds=3)
    record(recorded_at, chunk)
    end = recorded_at + timedelta(seconds=seconds)
    assert claim(WORKER, end - timedelta(seconds=1), urgent=urgent) is None
    taken = claim(WORKER, end + timedelta(seconds=1), urgent=urgent)
    assert taken is not None
    assert (taken.urgent, taken.cursor) == (urgent, chunk.end)


def test_chunks_read_before_a_failure_are_recorded_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(monkeypatch, 2)
    clock = Clock()
    reader = ChunkSource(WORKER, DatabaseSource(), clock)
    first, second = next_batch_chunk(reader), next_batch_chunk(reader)
    with pytest.raises(BatchFailedError):
        reader.next(window_of([]))
    record(clock.now, first)
    assert Batch.objects.get().failures == 0, "the second is still on its way"
    record(clock.now, second)
    batch = Batch.objects.get()
    assert (batch.state, batch.failures, batch.cursor) == ("claimed", 1, second.end)
    clock.now += timedelta(seconds=31)
    monkeypatch.undo()
    monkeypatch.setattr("canale.delivery.leases.CHUNK_ADDRESSES", 2)
    third = next_batch_chunk(reader)
    record(clock.now, third)
    batch = Batch.objects.get()
    assert (batch.state, Broadcast.objects.get().accepted) == ("done", 6)


def test_progress_resets_the_failure_count(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    Batch.objects.update(failures=MAX_FAILURES - 1)
    clock = Clock()
    reader = ChunkSource(WORKER, DatabaseSource(), clock)
    record(clock.now, next_batch_chunk(reader))
    break_after(monkeypatch, 0)
    with pytest.raises(BatchFailedError):
        reader.next(window_of([]))
    batch = Batch.objects.get()
    assert (batch.state, batch.failures) == ("claimed", 1)


def test_newsroom_describes_it_in_plain_words(post: Post, client: Any) -> None:
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
