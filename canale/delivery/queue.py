# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who works on what: claims by conditional update, so that any number of workers may try."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Q

from canale.delivery.models import Batch

# Longer than the slowest chunk (two rounds of time-outs), shorter than anyone's patience
# when a whole machine is lost. A worker that dies on this machine is noticed at once.
LEASE = timedelta(seconds=90)


def worker_name() -> str:
    """Of this process: ``host:pid:start``, where start tells reused pids apart."""
    return f"{socket.gethostname()[:20]}:{os.getpid()}:{_started(os.getpid())}"


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot (proc(5), stat, field 22); "" if unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return stat.rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""


def is_alive(worker: str) -> bool:
    """Whether a worker of this machine still runs; one of another machine counts as alive."""
    host, _, rest = worker.partition(":")
    pid, _, started = rest.partition(":")
    return host != socket.gethostname()[:20] or (pid.isdigit() and _started(int(pid)) == started)


def _claimable(now: datetime) -> Q:
    return Q(state=Batch.State.WAITING) | Q(state=Batch.State.CLAIMED, claimed_until__lt=now)


def claim_batch(worker: str, now: datetime, *, urgent: bool) -> Batch | None:
    """The oldest unfinished batch of a lane, now this worker's; None when there is none."""
    open_batches = Batch.objects.filter(_claimable(now), urgent=urgent)
    # Several candidates: workers that start at once do not all fight for the first.
    for batch_id in open_batches.order_by("pk").values_list("pk", flat=True)[:8]:
        claimed = Batch.objects.filter(_claimable(now), pk=batch_id).update(
            state=Batch.State.CLAIMED, claimed_by=worker, claimed_until=now + LEASE
        )
        if claimed:
            rows = Batch.objects.select_related("broadcast__post__channel", "broadcast__revision")
            return rows.get(pk=batch_id)
    return None


def release(batch: Batch, worker: str) -> None:
    """Let others take one batch."""
    mine = Batch.objects.filter(pk=batch.pk, state=Batch.State.CLAIMED, claimed_by=worker)
    mine.update(state=Batch.State.WAITING, claimed_by="", claimed_until=None)


def hand_back(worker: str) -> int:
    """Let others take the batches of a worker that stops or died; the number of batches."""
    claimed = Batch.objects.filter(state=Batch.State.CLAIMED, claimed_by=worker)
    return claimed.update(state=Batch.State.WAITING, claimed_by="", claimed_until=None)


def hand_back_of_the_dead(alive: Callable[[str], bool] = is_alive) -> int:
    """As `hand_back`, for every worker of this machine that no longer runs."""
    claimed = Batch.objects.filter(state=Batch.State.CLAIMED)
    workers = set(claimed.values_list("claimed_by", flat=True))
    return sum(hand_back(worker) for worker in workers if not alive(worker))
