# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What really arrived, per transport: only counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from canale.channel.models import Post
from canale.delivery.audience import shown
from canale.delivery.models import Batch, Broadcast
from canale.delivery.transports.registry import named


@dataclass(frozen=True, slots=True)
class TransportProgress:
    """One broadcast. The counts add up to ``planned`` but for addresses deleted meanwhile."""

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

    @property
    def failed(self) -> int:
        return self.gone + self.rejected + self.expired

    @property
    def accepted_shown(self) -> str:
        """Beside what others did not want it is a breakdown: see audience.py."""
        return shown(self.accepted, self.planned) if self.skipped else str(self.accepted)

    @property
    def skipped_shown(self) -> str:
        return shown(self.skipped, self.planned)

    @property
    def settled(self) -> int:
        """Of those planned, for how many it is known what became of them."""
        return self.planned - self.waiting

    @property
    def waiting(self) -> int:
        if self.finished:
            return 0
        return max(0, self.planned - self.accepted - self.failed - self.skipped)


def progress(post: Post) -> list[TransportProgress]:
    """The post's broadcasts, newest first."""
    return [_progress(row) for row in post.broadcasts.order_by("-id")]


def _progress(row: Broadcast) -> TransportProgress:
    retrying = row.retries.count()
    unfinished = row.batches.exclude(state=Batch.State.DONE).exists() or retrying > 0
    return TransportProgress(
        transport=row.transport,
        label=str(named(row.transport).label),
        purpose=row.purpose,
        planned=row.planned,
        accepted=row.accepted,
        gone=row.gone,
        rejected=row.rejected,
        skipped=row.skipped,
        expired=row.expired,
        retrying=retrying,
        finished=not unfinished,
        stopped=row.stopped_at is not None,
        started_at=row.created_at,
    )
