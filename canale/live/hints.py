# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tells every web process that the stream has something new."""

from __future__ import annotations

from django.db import transaction

from canale.bus import bus_for
from canale.core.settings import settings

SUBJECT = "live"
PAGES = "pages"
"""With a channel's handle: what its pages show changed, though not by a post. Without: any's."""


def tell_pages() -> None:
    """After the commit; a hint that gets lost is made good by the stream's own polling."""
    transaction.on_commit(lambda: bus_for(settings).publish(SUBJECT))


def forget_pages(handle: str) -> None:
    """After the commit; pages also renew themselves every few minutes."""
    transaction.on_commit(lambda: bus_for(settings).publish(PAGES, handle.encode()))
