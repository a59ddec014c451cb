# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post in the few lines that a lock screen shows."""

from __future__ import annotations

from canale.channel.text import opening

# About ten lines of a phone: what Android and iOS show of an expanded notification.
BODY_LENGTH = 400
# Fewer characters of a text are not a sentence.
SHORTEST_OPENING = 20


def summary(facts: str, text: str, note: str = "") -> str:
    """Return at most BODY_LENGTH characters: what a correction changed, when and where, then as
    many lines of the text as fit. A closed notification shows the first line only."""
    first = "\n".join(part for part in (note, facts) if part)
    room = BODY_LENGTH - len(first) - 1 if first else BODY_LENGTH
    rest = opening(text, room) if room >= SHORTEST_OPENING else ""
    return "\n".join(part for part in (first, rest) if part)
