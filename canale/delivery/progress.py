# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The outcomes of a broadcast, per transport: only counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from canale.channel.models import Post
from canale.delivery.audience import MIN_GROUP_SIZE, shown
from canale.delivery.models import Batch, Broadcast
from canale.delivery.reasons import explanation
from canale.delivery.slo import slo_seconds
from canale.delivery.transports.base import Explanation
from canale.delivery.transports.registry import get


@dataclass(frozen=True, slots=True)
class Refusal:
    """The number of messages refused for one reason that is our fault."""

    count: int
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Objective:
    """The number of people who wanted a broadcast, and of those reached within the objective.

    Without ``numbers`` only the share may be shown, in whole hundredths, rounded down: those who
    want the post, or do not, are so few that a number would reveal them (audience.py).
    """

    seconds: int
    in_time: int
    wanted: int
    numbers: bool

    @property
    def percent(self) -> int:
        return self.in_time * 100 // self.wanted


@dataclass(frozen=True, slots=True)
class TransportProgress:
    """One broadcast. The counts add up to ``planned``, except for addresses deleted since."""

    transport: str
    label: str
    purpose: str
    planned: int
    accepted: int
    gone: int
    rejected: int
    skipped: int
    expired: int
    retrying: int
    finished: bool
    stopped: bool
    started_at: datetime
    given_up: bool
    """A part of it failed repeatedly, and waits for `canale resume`."""
    refusals: list[Refusal]
    accepted_in_time: int | None
    urgent: bool

    @classmethod
    def of(cls, row: Broadcast) -> TransportProgress:
        """Read how far a broadcast has come."""
        retrying = row.pending_messages.count()
        failed = Q(state=Batch.State.FAILED)
        batches = row.batches.aggregate(
            failed=Count("pk", failed), open=Count("pk", ~failed & ~Q(state=Batch.State.DONE))
        )
        entry = get(row.transport)
        return cls(
            transport=row.transport,
            label=str(entry.label),
            purpose=row.purpose,
            planned=row.planned,
            accepted=row.accepted,
            gone=row.gone,
            rejected=row.rejected,
            skipped=row.skipped,
            expired=row.expired,
            retrying=retrying,
            finished=not batches["open"] and not retrying,
            stopped=row.stopped_at is not None,
            started_at=row.created_at,
            given_up=batches["failed"] > 0,
            refusals=[
                Refusal(each.count, explanation(each.reason, entry.refusals))
                for each in row.rejections.order_by("-count")
            ],
            accepted_in_time=row.accepted_in_time,
            urgent=row.urgent,
        )

    @property
    def failed(self) -> int:
        return self.gone + self.rejected + self.expired

    @property
    def accepted_shown(self) -> str:
        return self._shown(self.accepted)

    @property
    def skipped_shown(self) -> str:
        return self._shown(self.skipped)

    @property
    def gone_shown(self) -> str:
        return self._shown(self.gone)

    @property
    def failed_shown(self) -> str:
        return self._shown(self.rejected + self.expired)

    def _shown(self, count: int) -> str:
        """Beside the number of people who did not want it this is a breakdown: see audience.py."""
        return str(count) if self.exact else shown(count, self.planned)

    @property
    def settled(self) -> int:
        """The number of planned messages whose outcome is known."""
        return self.planned - self.waiting - self.not_sent

    @property
    def waiting(self) -> int:
        return 0 if self.finished else self._unsettled

    @property
    def not_sent(self) -> int:
        """The messages of batches that were given up."""
        return self._unsettled if self.finished and self.given_up else 0

    @property
    def _unsettled(self) -> int:
        return max(0, self.planned - self.accepted - self.failed - self.skipped)

    @property
    def objective(self) -> Objective | None:
        """None while it is being sent, if it was not measured, and for too few people."""
        wanted = self.accepted + self.rejected + self.expired + self.not_sent
        measured = self.accepted_in_time is not None and self.finished and not self.stopped
        if not measured or not wanted or (not self.exact and wanted < MIN_GROUP_SIZE):
            return None
        seconds = slo_seconds(urgent=self.urgent)
        return Objective(seconds, self.accepted_in_time or 0, wanted, self.exact)

    @property
    def exact(self) -> bool:
        """True if every outcome may be shown: nobody was left out by choice."""
        return not self.skipped


def progress(post: Post) -> list[TransportProgress]:
    """The post's broadcasts, newest first."""
    return [
        TransportProgress.of(row) for row in post.broadcasts.filter(outlet=None).order_by("-id")
    ]
