# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The push services that browsers use."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from canale.net.dns import HostChecker
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
    kind="push service",
)
# One host of each of the large services.
HOSTS = ("fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com")


def check_endpoint(url: str, extra_origins: Collection[str]) -> str:
    """Give the origin of a push endpoint. Raises canale.net.endpoints.EndpointRefusedError."""
    return checked_origin(url, KNOWN_SERVICES, extra_origins)


# A well-known host, to tell a name that does not exist from a broken resolver.
NAMES = HostChecker("fcm.googleapis.com")


def is_invented(origin: str) -> bool:
    """True if an accepted origin's host is a name that does not exist, below a known ending.

    Anybody can invent those, and a service gives them up. A name that we list is never taken for
    missing: followers of a browser who were deleted for an error in the DNS would not come back.
    """
    return must_be_looked_up(origin) and NAMES.is_missing(_host(origin))


def must_be_looked_up(origin: str) -> bool:
    """True for a host below a known ending that was not found a moment ago."""
    host = _host(origin)
    below_an_ending = KNOWN_SERVICES.holds(host) and host not in KNOWN_SERVICES.names
    return below_an_ending and not NAMES.was_found(host)


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""


@lru_cache(maxsize=256)
def service_name(origin: str) -> str:
    """A known service by its name, or by the end of its many hosts' names; else "other"."""
    host = origin.removeprefix("https://")
    if host in KNOWN_SERVICES.names:
        return host
    ending = next((ending for ending in KNOWN_SERVICES.endings if host.endswith(ending)), ".other")
    return ending.removeprefix(".")
