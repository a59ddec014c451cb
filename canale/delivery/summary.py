# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post in the few lines that a lock screen shows."""

from __future__ import annotations

from canale.channel.text import excerpt

BODY_LENGTH = 240
# Fewer characters of a text are not a sentence.
SHORTEST_EXCERPT = 20


def summary(facts: str, text: str, note: str = "") -> str:
    """Return at most BODY_LENGTH characters: when and where, what a correction changed, then as
    much of the text as fits. The first line alone tells a reader when to come."""
    first = "\n".join(part for part in (facts, note) if part)
    room = BODY_LENGTH - len(first) - 1 if first else BODY_LENGTH
    rest = excerpt(text, room) if room >= SHORTEST_EXCERPT else ""
    return "\n".join(part for part in (first, rest) if part)
