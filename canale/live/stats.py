# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a hub tells of itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HubStats:
    """What the hub has open and has done since it started."""

    connections: int
    by_channel: dict[str, int]
    events: int
    deliveries: int
    dropped_slow: int
    refused: int
