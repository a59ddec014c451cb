# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tells the workers that there is something to send."""

from __future__ import annotations

from django.db import transaction

from canale.bus import process_bus

SUBJECT = "work"


def wake_workers() -> None:
    """After the commit; a hint that gets lost is made good by the workers' own polling."""
    transaction.on_commit(lambda: process_bus().publish(SUBJECT))
