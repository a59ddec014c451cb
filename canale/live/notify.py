# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hints to every web process that there are new live events."""

from __future__ import annotations

from django.db import transaction

from canale.bus import process_bus

SUBJECT = "live"
PAGES = "pages"
"""With a channel's handle: what its pages show changed, though not by a post. Without: any's."""


def notify_web() -> None:
    """Send a hint after the commit. A lost hint is made up for by polling."""
    transaction.on_commit(lambda: process_bus().publish(SUBJECT))


def forget_pages(handle: str) -> None:
    """Send a hint after the commit. Without it, what a page shows of the channel is a minute old
    at most (docs/decisions/0033)."""
    transaction.on_commit(lambda: process_bus().publish(PAGES, handle.encode()))
