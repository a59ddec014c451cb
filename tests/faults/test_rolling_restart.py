# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every process is stopped politely and started again in the middle of a broadcast."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.broadcast import City

pytestmark = pytest.mark.slow


def test_server_and_workers_are_restarted(city: City) -> None:
    broadcast = city.publish()
    broadcast.midway()
    city.site.stop()
    reached = len(broadcast.told())
    city.site.start()
    # A worker that is told to stop finishes what is on its way, and hands back the rest.
    for worker in city.site.workers():
        os.kill(worker, signal.SIGTERM)
    broadcast.all_are_told(killed=0)
    assert reached < city.followers
