# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A machine is lost behind the network in the middle of a broadcast, and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.amid import Fault
from tests.faults.broadcast import on_each_engine
from tests.faults.far_workers import city_with_far_workers
from tests.network import needs_namespaces
from tests.postgresql_server import programs

pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]


# An alert's batch waits ten seconds for a lost worker, another's thirty.
@pytest.mark.parametrize("kind", ["alert", pytest.param("news", marks=pytest.mark.long)])
@on_each_engine(short_form="jetstream")
def test_broadcast_survives_a_disconnected_worker(tmp_path: Path, engine: str, kind: str) -> None:
    with city_with_far_workers(tmp_path, engine, workers=2) as (city, (lost, other)):
        broadcast = city.publish_in_batches(kind=kind, fault=Fault(lost.machine.cut_off))
        # The other takes over when the lease ends. PostgreSQL may have to notice first that who
        # holds a lock is gone (deploy/postgresql.conf).
        broadcast.all_are_told(killed=1, seconds=180)
        lost.machine.reconnect()
        other.stop()
        city.publish("Dopo").all_are_told()
