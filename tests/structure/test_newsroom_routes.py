# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every page of the newsroom needs a role, or stands here with its reason."""

from __future__ import annotations

from canale.newsroom.urls import own

OPEN = {
    "start",  # needs a sign-in, and leads to one's own channel
    "sessions",  # one's own; needs a sign-in
    "setup",  # needs the one-time link
}


def test_every_route_needs_a_role() -> None:
    free = {route.name for route in own if not hasattr(route.callback, "needs_role")}
    assert free == OPEN


def test_every_channel_route_has_the_handle() -> None:
    nameless = [
        str(route.pattern)
        for route in own
        if route.name not in OPEN and "<slug:handle>" not in str(route.pattern)
    ]
    assert nameless == []
