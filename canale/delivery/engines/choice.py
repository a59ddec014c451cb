# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which engine this installation uses. Nobody else names one."""

from __future__ import annotations

from typing import Protocol

from canale.core.settings import settings
from canale.delivery.engines.base import Batches
from canale.delivery.engines.table import TableBatches


class Dispatcher(Protocol):
    """Brings planned batches to the engine."""

    async def run(self) -> None:
        """Until cancelled."""

    def hint(self) -> None:
        """Something was planned. Called on the event loop."""


def batches_for(worker: str) -> Batches:
    """JetStream where NATS is set, else the table."""
    if not settings.nats_url:
        return TableBatches()
    # As in canale.bus: only who needs nats-py waits for its import.
    from canale.bus.nats_line import installation
    from canale.delivery.engines.jetstream import JetStreamBatches

    return JetStreamBatches(settings.nats_url, installation(settings.secret_key), worker)


def dispatcher() -> Dispatcher | None:
    """None where workers look into the table by themselves."""
    if not settings.nats_url:
        return None
    from canale.bus.nats_line import installation
    from canale.delivery.engines import dispatch

    return dispatch.Dispatcher(settings.nats_url, installation(settings.secret_key))


async def why_no_broker() -> str | None:
    """Why NATS hands out no batches; empty if it can, None where there is no NATS to ask."""
    if not settings.nats_url:
        return None
    from canale.delivery.engines import stream

    return await stream.why_absent(settings.nats_url)


async def delete_stream_of(secret_key: str) -> tuple[str, str]:
    """What the broker keeps under a key with which nobody works any more. The stream's name, and
    why it stays, if it does; else empty, as both are without a broker."""
    if not settings.nats_url:
        return "", ""
    from canale.bus.nats_line import installation
    from canale.delivery.engines import stream

    old = stream.BatchStream(installation(secret_key))
    return old.name, await stream.delete(settings.nats_url, old)
