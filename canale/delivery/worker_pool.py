# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The worker processes of one machine, each replaced when it exits."""

from __future__ import annotations

from canale.delivery.leases import release_exited_worker
from canale.runtime.supervisor import Supervisor, canale

# A chunk takes at most two rounds of time-outs. A worker that needs longer is killed, and its batch
# is handed out again.
STOP_SECONDS = 25.0


class WorkerPool(Supervisor):
    """Keep ``size`` worker processes running; asked to stop, each finishes its chunk."""

    def __init__(self, size: int) -> None:
        super().__init__(
            "worker",
            canale("worker", "--until-stdin-ends"),
            size,
            patience=STOP_SECONDS,
            after_exit=release_exited_worker,
        )
