# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service over HTTP/1.1 whose queue of connections is short drops those of a burst.

Some are dropped after the handshake: they look open, and nothing that is sent over them arrives.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.broadcast import new_city
from tests.waiting import wait_until

FOLLOWERS = 3_000
# Beside what the same alert takes without drops; together about ten.
ALLOWED_SECONDS = 8.0


def test_alert_reaches_all_followers_when_connections_are_dropped(tmp_path: Path) -> None:
    with new_city(tmp_path, "local", followers=FOLLOWERS, CANALE_WORKERS="1") as city:
        seconds = []
        for headline, queue in (("Piena del Po", 4096), ("Piena dell'Adda", 4)):
            city.push.shorten_queue(queue)
            alert = city.publish(headline, kind="alert")
            wait_until(lambda alert=alert: len(alert.told()) == FOLLOWERS, seconds=60)  # type: ignore[misc]
            seconds.append(time.monotonic() - alert.begun)
            # Messages that were not confirmed may have arrived, and were sent once more.
            alert.all_are_told(killed=1)
        usual, dropping = seconds
        assert dropping <= usual + ALLOWED_SECONDS
