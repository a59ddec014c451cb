# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The choice of how processes reach each other: NATS where it is set, else this machine's own ways.

Nothing else names NATS outside its room.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from canale.bus import use_bus
from canale.core.settings import settings
from canale.delivery.batch_source import BatchSource

# nats-py takes 70 ms to import: only an installation that uses it waits for it.


class Dispatcher(Protocol):
    """Hands planned batches to the broker."""

    async def run(self) -> None:
        """Run until cancelled."""

    def hint(self) -> None:
        """Look for new batches. Called on the event loop."""


def choose_bus() -> None:
    """Choose this process's bus. It connects at its first use."""
    if settings.nats_url:
        from canale.nats.bus import NatsBus
        from canale.nats.connection import installation

        use_bus(NatsBus(settings.nats_url, installation(settings.secret_key)))


def batch_source() -> BatchSource:
    """Return this worker's source of batches. Must be called on its event loop."""
    if not settings.nats_url:
        # Its imports declare metrics, which only a worker's process shares first.
        from canale.delivery.database_source import DatabaseSource

        return DatabaseSource()
    from canale.nats.connection import installation
    from canale.nats.jetstream import JetStreamSource

    return JetStreamSource(settings.nats_url, installation(settings.secret_key))


def dispatcher() -> Dispatcher | None:
    """Return the broker's dispatcher; None where workers look into the table on their own."""
    if not settings.nats_url:
        return None
    from canale.nats import dispatcher
    from canale.nats.connection import installation

    return dispatcher.Dispatcher(settings.nats_url, installation(settings.secret_key))


def broker_problem() -> str:
    """Return the reason why JetStream cannot be used; empty if it can."""
    from canale.nats.stream import jetstream_problem

    return asyncio.run(jetstream_problem(settings.nats_url))


def delete_stream(secret_key: str) -> tuple[str, str]:
    """Delete the stream of a former key. Return its name, and an error if that failed."""
    from canale.nats.connection import installation
    from canale.nats.stream import BatchStream, delete

    stream = BatchStream(installation(secret_key))
    return stream.name, asyncio.run(delete(settings.nats_url, stream))
