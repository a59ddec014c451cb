# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rendition of Web Push: one notification."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from canale.channel.characters import Direction

Urgency = Literal["very-low", "low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class Message:
    """A notification: the same for all addresses of a broadcast in one language.

    ``language`` is that of the words, or empty. ``ttl`` is in seconds, ``sent_at`` is aware,
    ``url``, ``icon`` and ``image`` are absolute. ``tag`` folds messages about the same thing: the
    later one replaces the earlier one.
    """

    post_id: int
    channel_handle: str
    kind: str
    title: str
    body: str
    url: str
    icon: str | None
    image: str | None
    language: str
    tag: str
    silent: bool
    ttl: int
    urgency: Urgency
    sent_at: datetime
    direction: Direction | None = None
    """The direction of the person's words in the title; None: that of the title as a whole."""
