# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cards in memory: each is rendered once per revision and language.

A new post makes the page store forget the channel's page, at the moment when most readers come.
The page is then put together from the cards of the earlier posts, and only the new one is rendered.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from datetime import date, datetime
from threading import Lock
from typing import NamedTuple

from django.utils.safestring import SafeString

# A card takes about 15 KB: its emoji make Python keep four bytes for each character.
MAX_BYTES = 32 * 2**20


class CardKey(NamedTuple):
    """Everything that decides how a card reads: equal keys, equal HTML.

    Words, times and pictures are here by the number of their revision, which never changes once
    it is published. Whatever else a card shows must have a field.
    """

    revision: int
    revised_at: datetime | None
    """When the revision was published: a restored database may give its number to another."""
    all_clear_of: int | None
    """The revision loses it when that alert's row is deleted."""
    published_at: datetime | None
    visible_until: datetime | None
    handle: str
    topics: tuple[tuple[int, str], ...]
    """Id and name of each topic of the channel: they are renamed and removed."""
    counts: tuple[tuple[str, int], ...]
    """The emoji below the post, in order, and how many chose each."""
    preview: tuple[str, ...]
    """The words and the picture of its link's preview, empty without one: it comes after the post,
    and staff remove it."""
    is_over: bool
    is_pinned: bool
    today: date
    """Midnight changes *Today* and *Yesterday*, New Year which dates have a year."""
    language: str


class CardHtml(NamedTuple):
    html: SafeString
    pinned_html: SafeString
    """The copy that stands above everything; empty if the post is not pinned."""


class RenderedCards:
    """The most recently used cards, at most ``max_bytes`` of them. Threads share it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._cards: OrderedDict[CardKey, CardHtml] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: CardKey) -> CardHtml | None:
        with self._lock:
            card = self._cards.get(key)
            if card is not None:
                self._cards.move_to_end(key)
            return card

    def keep(self, key: CardKey, card: CardHtml) -> None:
        with self._lock:
            self._bytes -= _size(self._cards.pop(key, None))
            self._cards[key] = card
            self._bytes += _size(card)
            while self._bytes > self._max_bytes:
                self._bytes -= _size(self._cards.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._cards.clear()
            self._bytes = 0


def _size(card: CardHtml | None) -> int:
    return 0 if card is None else sum(sys.getsizeof(html) for html in card)


rendered_cards = RenderedCards()
