# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The push services that browsers use."""

from __future__ import annotations

from collections.abc import Collection

from canale.net.endpoints import KnownHosts, checked_origin

KNOWN_SERVICES = KnownHosts(
    names=frozenset(
        {
            "fcm.googleapis.com",  # Chrome, Edge on Android, Samsung Internet, Opera, Brave
            "jmt17.google.com",  # Chromium as distributions build it, without Google's keys
            "web.push.apple.com",  # Safari
            "updates.push.services.mozilla.com",  # Firefox
        }
    ),
    endings=(
        ".push.services.mozilla.com",
        ".push.apple.com",
        ".notify.windows.com",  # Edge: a host by region, such as wns2-par02p
    ),
)


def check_endpoint(url: str, extra_origins: Collection[str]) -> str:
    """Give the origin of a push endpoint. Raises canale.net.endpoints.EndpointRefused."""
    return checked_origin(url, KNOWN_SERVICES, extra_origins)
