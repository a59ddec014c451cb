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
    """Send a hint after the commit. Without it, pages expire within a few minutes."""
    transaction.on_commit(lambda: process_bus().publish(PAGES, handle.encode()))
