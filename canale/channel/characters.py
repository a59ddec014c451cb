# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The characters that keyboards and word processors produce: tidied, checked, cut, and which way
they run. Every door through which a person's words come in uses these functions."""

from __future__ import annotations

import unicodedata
from typing import Literal

import regex

Direction = Literal["ltr", "rtl"]

# Embeddings, overrides and isolates of the bidirectional algorithm (UAX 9): with them a link can be
# made to read as another. Right-to-left text needs none of them.
REORDERING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
BYTE_ORDER_MARK = "\ufeff"
# Some letters (Hangul fillers, hieroglyphic blanks) and symbols (the empty Braille pattern, a null
# notehead, the place of an object that was not pasted) have no ink. A surrogate counts as ink: it
# is refused, not taken for nothing.
# DI: Default_Ignorable_Code_Point, NChar: Noncharacter_Code_Point.
_INK = regex.compile(
    r"[[\p{L}\p{N}\p{P}\p{S}\p{Co}\p{Cn}\p{Cs}]--[\p{DI}\p{NChar}\u2800\uFFFC\U00013441\U00013442\U0001d159]]",
    regex.V1,
)
_DAMAGED = regex.compile(r"[\p{Cs}\ufffd]")
_GRAPHEME = regex.compile(r"\X")
# UAX 15 allows 30 combining marks in a row. A longer cluster is a prank, and may be cut anywhere.
_LONGEST_GRAPHEME = 31
ELLIPSIS = "…"
_STRONG: dict[str, Direction] = {"L": "ltr", "R": "rtl", "AL": "rtl"}


def one_line(text: str) -> str:
    """A headline, a place, a name: white space and line ends of all kinds become single spaces.

    Empty if nothing in it can be seen.
    """
    return _or_empty(" ".join(printable(text).split()))


def several_lines(text: str) -> str:
    """A post's text: what any system takes for a line end becomes a line feed.

    Empty if nothing in it can be seen.
    """
    return _or_empty(printable(text).strip())


def _or_empty(text: str) -> str:
    return "" if is_blank(text) else text


def printable(text: str) -> str:
    """Without control characters and without what makes a line read as another than it is.

    Surrogates stay, so that the caller can refuse them: see is_damaged.
    """
    # Word's soft break (U+000B), U+2028 and others end a line: str.splitlines knows them all.
    lines = unicodedata.normalize("NFC", text).splitlines()
    return "\n".join("".join(filter(None, map(_printed, line))) for line in lines)


def _printed(char: str) -> str:
    if unicodedata.category(char) == "Cc":
        return char if char == "\t" else " " * char.isspace()
    return "" if char in REORDERING or char == BYTE_ORDER_MARK else char


def is_blank(text: str) -> bool:
    """True if nothing of it can be seen: only white space, joiners, fillers, lone accents."""
    return _INK.search(text) is None


def is_damaged(text: str) -> bool:
    """True for what no database stores (bytes in another encoding, half of a JSON escape), and for
    U+FFFD, by which a browser or a program replaced what it could not read: something is lost."""
    return _DAMAGED.search(text) is not None


def cut(text: str, length: int) -> str:
    """The beginning, at most ``length`` code points, without tearing what is seen as one character
    (UAX 29): an accented letter, a flag, a joined emoji."""
    if len(text) <= length:
        return text
    end = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() > length:
            if grapheme.end() - end > _LONGEST_GRAPHEME:
                end = max(length, 0)
            break
        end = grapheme.end()
    return text[:end]


def shortened(text: str, length: int) -> str:
    """At most ``length`` characters, cut between words where one ends near, with an ellipsis."""
    if len(text) <= length:
        return text
    if length < 1:
        return ""
    kept = cut(text, length - 1)
    if not text[len(kept)].isspace():
        words = kept.rsplit(None, 1)
        near = len(words) == 2 and len(words[0]) >= len(kept) * 2 // 3
        kept = words[0] if near else kept
    return kept.rstrip(" \t\n.,;:-–—•") + ELLIPSIS


def direction(text: str) -> Direction | None:
    """The way of its first strong character (UAX 9, rule P2); None if it has none."""
    ways = (_STRONG.get(unicodedata.bidirectional(char)) for char in text)
    return next((way for way in ways if way is not None), None)
