# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A chunk: messages that a worker has read together and not yet recorded."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from canale.delivery.backoff import DETACHED_SECONDS
from canale.delivery.limiter import AdaptiveLimiter
from canale.delivery.models import Broadcast
from canale.delivery.reasons import NOT_OPENED
from canale.delivery.transports.base import Outcome, Recipient, Result
from canale.followers.models import Address
from canale.vault.sealing import VaultError, open_sealed

UNOPENED = Result(Outcome.REJECTED, None, NOT_OPENED)

Results = Sequence[tuple[Recipient, Result]]


def opened(sealed: bytes, kind: str, channel_id: int) -> dict[str, object] | None:
    """Open a sealed address; None if the vault cannot."""
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
    """One message to one address: it waits at a limiter, is started, and ends."""

    chunk: Chunk
    recipient: Recipient
    limiter: AdaptiveLimiter[Delivery] | None = None
    started: bool = False
    over: bool = False
    """Its chunk no longer waits for it."""

    @property
    def urgent(self) -> bool:
        return self.chunk.urgent

    def defer(self, seconds: float) -> None:
        """Leave a message that was not started to a retry, due after that time."""
        self.chunk.close(self)
        result = Result(Outcome.RETRY, None, "deferred", seconds, tried=False)
        self.chunk.results.append((self.recipient, result))


class Lease(ABC):
    """A worker's claim on messages, with an end: chunks are read from it, and recorded in it."""

    pending = False
    """True for messages outside a batch, which have a part of the window of their own."""
    broadcast: Broadcast | None
    transport: str
    urgent: bool

    @abstractmethod
    def read(self, now: datetime) -> Chunk:
        """Read the next addresses, opened, and their messages."""

    @abstractmethod
    def record(self, chunk: Chunk, now: datetime) -> None:
        """Record the results of a chunk, in one transaction.

        Raises LeaseLostError where another worker has the batch, and django.db.Error.
        """

    def log_fields(self) -> dict[str, int]:
        """Return the post and the batch, as fields of a log record."""
        return {"post": self.broadcast.post_id} if self.broadcast is not None else {}


@dataclass(slots=True, eq=False)
class Chunk:
    """Messages of one lease that were read together, and the state of each."""

    lease: Lease
    recipients: list[Recipient]
    messages: dict[str, object]
    """The transport's renditions, by language."""
    after: int = 0
    """The chunk holds the addresses of its batch after this one; 0 outside a batch."""
    end: int = 0
    """The last address of its range, if it is part of a batch."""
    seen: int = 0
    """The number of addresses in that range, including those that did not want the post."""
    last: bool = True
    """Nothing of the lease comes after it."""
    urgent: bool = field(init=False)
    slo_deadline: float = float("-inf")
    """An acceptance until then, on the loop's clock, meets the objective (see slo.py)."""
    open: dict[int, Delivery] = field(init=False)
    """The messages whose outcome is not known, by address."""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when no outcome is awaited any more."""
    results: list[tuple[Recipient, Result]] = field(init=False)
    """At first those of the addresses that the vault could not open."""
    recorded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the results are recorded, or the lease is lost."""
    detached: int = 0
    """Messages in flight that the results no longer wait for."""
    late: list[tuple[Recipient, Result]] = field(default_factory=list)
    """Answers to messages that were detached."""
    in_time: int = 0
    late_in_time: int = 0
    """The numbers of ``results`` and ``late`` that met the objective."""

    def __post_init__(self) -> None:
        self.urgent = self.lease.urgent
        self.open = {
            recipient.address_id: Delivery(self, recipient)
            for recipient in self.recipients
            if recipient.opened is not None
        }
        self.results = [(each, UNOPENED) for each in self.recipients if each.opened is None]
        if not self.open:
            self.complete.set()

    @property
    def unsent(self) -> list[Delivery]:
        """The messages that were not started."""
        return [delivery for delivery in self.open.values() if not delivery.started]

    def settle(self, delivery: Delivery, result: Result, now: float) -> None:
        """Keep the result of one message; that of a detached one is recorded afterwards."""
        in_time = now <= self.slo_deadline and result.outcome is Outcome.ACCEPTED
        if delivery.over:
            self.detached -= 1
            self.late_in_time += in_time
            self.late.append((delivery.recipient, result))
            return
        self.in_time += in_time
        self.close(delivery)
        self.results.append((delivery.recipient, result))

    def detach(self, *, everything: bool) -> None:
        """Stop waiting for the services that block others, or for all; retries take their place.

        Messages in flight may still be answered; the others are due when their service has room.
        """
        limiters = {each.limiter for each in self.open.values() if each.limiter is not None}
        if not everything:
            limiters = {each for each in limiters if each.blocks_others(urgent=self.urgent)}
        for delivery in list(self.open.values()) if limiters else ():
            limiter = delivery.limiter
            if limiter is None or limiter not in limiters:
                continue
            if not delivery.started:
                delivery.defer(limiter.estimated_wait(urgent=self.urgent))
                continue
            self.close(delivery)
            self.detached += 1
            result = Result(Outcome.RETRY, None, "no answer yet", DETACHED_SECONDS)
            self.results.append((delivery.recipient, result))

    def cancel_unsent(self) -> None:
        """Drop the messages that were not started: their broadcast was stopped."""
        for delivery in self.unsent:
            self.close(delivery)

    def close(self, delivery: Delivery) -> None:
        """Wait no longer for the message's outcome."""
        delivery.over = True
        del self.open[delivery.recipient.address_id]
        if not self.open:
            self.complete.set()
