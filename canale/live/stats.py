# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Statistics of a hub."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HubStats:
    """The hub's open connections, and its counters since it started."""

    connections: int
    by_channel: dict[str, int]
    events: int
    deliveries: int
    dropped_slow: int
    refused: int
