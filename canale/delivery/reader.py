# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a worker sends next: the most urgent thing there is, read and composed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError

from canale.delivery.chunk import (
    BatchChunk,
    Claim,
    Parcel,
    claimed,
    read_chunk,
    read_rest_as_stopped,
    stopped,
)
from canale.delivery.compose import compose, compose_welcome
from canale.delivery.engines.base import Batches
from canale.delivery.models import Batch, Broadcast
from canale.delivery.queue import count_failure, release
from canale.delivery.repeat import (
    RetryChunk,
    WelcomeChunk,
    claim_retries,
    claim_welcomes,
    drop_retries,
    parcels,
)
from canale.delivery.transports.base import Message
from canale.delivery.transports.registry import for_address_kind
from canale.delivery.window import Lane, Lanes
from canale.metrics.names import BATCHES

# How long a message may live says the message itself: compose it anew now and then.
COMPOSED = timedelta(seconds=30)

URGENT_REPEATS_IN_A_ROW = 4

CLAIMED = BATCHES.labels("claimed")

Chunk = BatchChunk | RetryChunk | WelcomeChunk
"""What is read together."""


class BatchFailed(Exception):  # noqa: N818
    """A batch could not be read, for a reason that nobody foresaw."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(f"Batch {batch.pk} could not be read")
        self.batch = batch


class Reader:
    """One per worker. Every call reads or writes the database, in the worker's thread for it."""

    def __init__(self, worker: str, batches: Batches, clock: Callable[[], datetime]) -> None:
        self._worker = worker
        self._batches = batches
        self._clock = clock
        self._claims: dict[bool, Claim] = {}
        self._urgent_repeats = 0
        """In a row."""

    def next(self, lanes: Lanes) -> Chunk | None:
        """The most urgent for which there is room. Without room for alerts nothing is read: they
        are sent first."""
        alerts, others = lanes
        if not alerts.takes_batches:
            return None
        return self._batch(urgent=True) or self._after_alerts(alerts, others)

    def _after_alerts(self, alerts: Lane, others: Lane) -> Chunk | None:
        """Repeats of alerts first, but not for ever: at an ill far end all of a large city's come
        back again and again, while others wait for what is sent elsewhere."""
        if self._urgent_repeats < URGENT_REPEATS_IN_A_ROW:
            chunk = self._urgent_repeat(alerts) or self._ordinary(others)
        else:
            chunk = self._ordinary(others) or self._urgent_repeat(alerts)
        repeats = chunk is not None and chunk.urgent
        self._urgent_repeats = self._urgent_repeats % URGENT_REPEATS_IN_A_ROW + 1 if repeats else 0
        return chunk

    def _urgent_repeat(self, alerts: Lane) -> Chunk | None:
        if not alerts.takes_repeats:
            return None
        return self._retries(urgent=True) or self._welcomes()

    def _ordinary(self, others: Lane) -> Chunk | None:
        if others.takes_batches and (chunk := self._batch(urgent=False)) is not None:
            return chunk
        return self._retries(urgent=False) if others.takes_repeats else None

    def forget(self, claim: Claim) -> None:
        """Another worker has the batch, or will have it when the lease ends."""
        claim.lost = claim.ended = True
        self._claims = {lane: held for lane, held in self._claims.items() if held is not claim}
        self._batches.released(claim.batch.pk)

    def _batch(self, *, urgent: bool) -> BatchChunk | None:
        claim = self._claims.get(urgent) or self._claim(urgent=urgent)
        if claim is None:
            return None
        try:
            chunk = self._read(claim)
        except DatabaseError:
            raise
        except Exception as error:
            self._set_down(claim)
            raise BatchFailed(claim.batch) from error
        claim.advance(chunk)
        if claim.ended:
            del self._claims[urgent]
        if urgent:
            self._give_way()
        return chunk

    def _set_down(self, claim: Claim) -> None:
        """It would go wrong again, and again: others first. What was read of it is still sent, and
        recorded before the failure is."""
        claim.failed = claim.ended = True
        self._claims = {lane: held for lane, held in self._claims.items() if held is not claim}
        if not claim.unrecorded:
            count_failure(claim.batch, self._worker, self._clock())
            self._batches.released(claim.batch.pk)

    def _read(self, claim: Claim) -> BatchChunk:
        now = self._clock()
        if stopped([claim.batch.broadcast], now):
            return read_rest_as_stopped(claim)
        chunk = read_chunk(claim)
        chunk.messages = _batch_messages(claim, chunk.parcels, now)
        return chunk

    def _claim(self, *, urgent: bool) -> Claim | None:
        batch = self._batches.take(self._worker, self._clock(), urgent=urgent)
        if batch is None:
            return None
        CLAIMED.inc()
        self._claims[urgent] = claimed(batch)
        return self._claims[urgent]

    def _give_way(self) -> None:
        """Nobody waits for an ordinary batch because this worker has an alert to send."""
        claim = self._claims.pop(False, None)
        if claim is None:
            return
        claim.ended = True
        if not claim.unrecorded:
            release(claim.batch, self._worker)
            self._batches.released(claim.batch.pk)

    def _retries(self, *, urgent: bool) -> RetryChunk | None:
        now = self._clock()
        rows = claim_retries(now, urgent=urgent)
        if not rows:
            return None
        broadcast = rows[0].broadcast
        if stopped([broadcast], now):
            drop_retries(broadcast, rows)
            return RetryChunk([], [], {}, broadcast)
        sent = parcels(rows)
        return RetryChunk(rows, sent, _messages(broadcast, _languages(sent), now), broadcast)

    def _welcomes(self) -> WelcomeChunk | None:
        rows = claim_welcomes(self._clock())
        if not rows:
            return None
        sent = parcels(rows)
        channel, now = rows[0].address.follower.channel, self._clock()
        messages = {
            language: compose_welcome(channel, language, now) for language in _languages(sent)
        }
        return WelcomeChunk(rows, sent, messages, for_address_kind(rows[0].address.kind).name)


def _batch_messages(claim: Claim, chunk: list[Parcel], now: datetime) -> dict[str, Message]:
    """Composed once for the chunks of a batch that are read shortly after one another."""
    if claim.composed_at is None or now - claim.composed_at > COMPOSED:
        claim.messages, claim.composed_at = {}, now
    missing = _languages(chunk) - claim.messages.keys()
    claim.messages |= _messages(claim.batch.broadcast, missing, now)
    return claim.messages


def _messages(broadcast: Broadcast, languages: set[str], now: datetime) -> dict[str, Message]:
    return {language: compose(broadcast, language, now) for language in languages}


def _languages(chunk: Iterable[Parcel]) -> set[str]:
    return {parcel.language for parcel in chunk}
