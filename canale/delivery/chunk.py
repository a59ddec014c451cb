# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A chunk: messages that a worker has read together and not yet recorded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from canale.delivery.limiter import AdaptiveLimiter
from canale.delivery.models import Broadcast
from canale.delivery.transports.base import Outcome, Recipient, Result
from canale.followers.models import Address
from canale.vault.sealing import VaultError, open_sealed

# A started message may be answered for this long (the transport's own time-out and some more):
# it is not sent again before that, however it is recorded.
DETACHED_SECONDS = 60.0


Results = Sequence[tuple[Recipient, Result]]


def opened(sealed: bytes, kind: str, channel_id: int) -> dict[str, object] | None:
    """The sealed address, or None when the vault cannot open it."""
    try:
        return open_sealed(sealed, kind, channel_id)
    except VaultError:
        return None


def recipient_of(address: Address) -> Recipient:
    address_data = opened(bytes(address.sealed), address.kind, address.channel_id)
    return Recipient(address.pk, address.follower.language, address_data, address.missing_since)


def languages(recipients: Iterable[Recipient]) -> set[str]:
    return {recipient.language for recipient in recipients}


@dataclass(slots=True, eq=False)
class Delivery:
    """One message to one address: waits at a limiter, is started, is over."""

    chunk: Chunk
    recipient: Recipient
    limiter: AdaptiveLimiter[Delivery] | None = None
    started: bool = False
    over: bool = False
    """Its chunk no longer waits for it."""

    @property
    def urgent(self) -> bool:
        return self.chunk.urgent


class Source(ABC):
    """Where chunks come from, and where their results go: a leased batch, or pending messages."""

    pending = False
    """True for messages outside a batch, which have a part of the window of their own."""
    broadcast: Broadcast | None
    transport: str
    urgent: bool

    @abstractmethod
    def read(self, now: datetime) -> Chunk:
        """The next addresses, opened, and their messages."""

    @abstractmethod
    def record(self, chunks: Sequence[Chunk], now: datetime) -> None:
        """Record chunks that were read one after another, in one transaction.

        Raises LeaseLost where another worker has the source, and django.db.Error.
        """

    @abstractmethod
    def record_late(self, results: Results, now: datetime, in_time: int) -> None:
        """Record answers to messages for which a later attempt stands in."""

    def log_fields(self) -> dict[str, int]:
        """The post and the batch, for a line of the log."""
        return {"post": self.broadcast.post_id} if self.broadcast is not None else {}


@dataclass(slots=True, eq=False)
class Chunk:
    """Messages of one source that were read together, and the state of each."""

    source: Source
    recipients: list[Recipient]
    messages: dict[str, object]
    """The transport's renditions, by language."""
    end: int = 0
    """The last address of its range, if it is part of a batch."""
    seen: int = 0
    """Addresses in that range, those that did not want the post included."""
    last: bool = True
    """Its source has nothing after it."""
    urgent: bool = field(init=False)
    started_at: float = 0.0
    """On the loop's clock, like ``slo_deadline``."""
    slo_deadline: float = float("-inf")
    """An acceptance until then meets the objective (see slo.py)."""
    open: dict[int, Delivery] = field(init=False)
    """By address, those whose outcome is not known."""
    results: list[tuple[Recipient, Result]] = field(default_factory=list)
    late: list[tuple[Recipient, Result]] = field(default_factory=list)
    """Answers to messages that were detached."""
    recorded: bool = False
    in_time: int = 0
    late_in_time: int = 0
    """Of ``results`` and ``late``, those that met the objective."""

    def __post_init__(self) -> None:
        self.urgent = self.source.urgent
        self.open = {
            recipient.address_id: Delivery(self, recipient) for recipient in self.recipients
        }

    @property
    def limiters(self) -> set[AdaptiveLimiter[Delivery]]:
        """The limiters of messages whose outcome is not known."""
        return {delivery.limiter for delivery in self.open.values() if delivery.limiter is not None}

    @property
    def complete(self) -> bool:
        return not self.open

    def settle(self, delivery: Delivery, result: Result, now: float) -> None:
        """Keep the result of one message; that of a detached one is recorded afterwards."""
        in_time = now <= self.slo_deadline and result.outcome is Outcome.ACCEPTED
        if delivery.over:
            self.late_in_time += in_time
            self.late.append((delivery.recipient, result))
            return
        self.in_time += in_time
        self._close(delivery)
        self.results.append((delivery.recipient, result))

    def defer(self, delivery: Delivery, seconds: float) -> None:
        """Leave one message that was not started to a retry, due after that time."""
        self._close(delivery)
        result = Result(Outcome.RETRY, None, "deferred", seconds, tried=False)
        self.results.append((delivery.recipient, result))

    def detach(self, delivery: Delivery) -> None:
        """Go on without the answer to a started message: a retry stands in for it."""
        self._close(delivery)
        result = Result(Outcome.RETRY, None, "no answer yet", DETACHED_SECONDS)
        self.results.append((delivery.recipient, result))

    def cancel_unsent(self) -> None:
        """Drop the messages that were not started: their broadcast was stopped."""
        for delivery in [each for each in self.open.values() if not each.started]:
            self._close(delivery)

    def _close(self, delivery: Delivery) -> None:
        delivery.over = True
        del self.open[delivery.recipient.address_id]


def recordable(chunks: Iterable[Chunk]) -> list[list[Chunk]]:
    """Complete chunks, by source; of a source only those before its first incomplete one."""
    by_source: dict[Source, list[Chunk]] = {}
    blocked: set[Source] = set()
    for chunk in chunks:
        if chunk.complete and chunk.source not in blocked:
            by_source.setdefault(chunk.source, []).append(chunk)
        else:
            blocked.add(chunk.source)
    return list(by_source.values())
