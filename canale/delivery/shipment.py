# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A chunk on its way: which of its messages are sent, which still wait, what came of each."""

from __future__ import annotations

from dataclasses import dataclass, field

from canale.delivery.chunk import Parcel
from canale.delivery.gates import Gate
from canale.delivery.reader import Chunk
from canale.delivery.transports.base import Outcome, Result

# A started message may be answered for so long (the transport's own time-out and some more): not
# before that is it sent again, however it is recorded.
PARKED_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Sending:
    """One message to one address: waits at a gate, is started, is over."""

    shipment: Shipment
    parcel: Parcel
    gate: Gate | None = None
    started: bool = False
    over: bool = False
    """Its chunk no longer waits for it."""

    @property
    def urgent(self) -> bool:
        return self.shipment.chunk.urgent


@dataclass(slots=True, eq=False)
class Shipment:
    """A chunk that was read and is not recorded yet."""

    chunk: Chunk
    read_at: float
    """On the loop's clock."""
    open: dict[int, Sending] = field(default_factory=dict)
    """By address, those whose outcome is not known."""
    results: list[tuple[Parcel, Result]] = field(default_factory=list)
    late: list[tuple[Parcel, Result]] = field(default_factory=list)
    """Of those that were parked: what came of them in the end."""
    recorded: bool = False
    due: float = float("-inf")
    """On the loop's clock, until when an acceptance meets the objective (see objective.py)."""
    in_time: int = 0
    late_in_time: int = 0
    """Of ``results`` and ``late``, those that met it."""

    @property
    def gates(self) -> set[Gate]:
        """Where those are whose outcome is not known."""
        return {sending.gate for sending in self.open.values() if sending.gate is not None}

    @property
    def complete(self) -> bool:
        return not self.open

    def settle(self, sending: Sending, result: Result, now: float) -> None:
        """What came of one message; of a parked one, it is recorded afterwards."""
        in_time = now <= self.due and result.outcome is Outcome.ACCEPTED
        if sending.over:
            self.late_in_time += in_time
            self.late.append((sending.parcel, result))
            return
        self.in_time += in_time
        self._close(sending)
        self.results.append((sending.parcel, result))

    def defer(self, sending: Sending, seconds: float) -> None:
        """Not sent now: the retries have it, for so many seconds later."""
        self._close(sending)
        result = Result(Outcome.LATER, None, "deferred", seconds, tried=False)
        self.results.append((sending.parcel, result))

    def park(self, sending: Sending) -> None:
        """Sent, and no answer yet: the chunk goes on, and a retry stands in for the answer."""
        self._close(sending)
        result = Result(Outcome.LATER, None, "no answer yet", PARKED_SECONDS)
        self.results.append((sending.parcel, result))

    def drop(self, sending: Sending) -> None:
        """Its broadcast was stopped before it was sent."""
        self._close(sending)

    def _close(self, sending: Sending) -> None:
        sending.over = True
        del self.open[sending.parcel.address_id]
