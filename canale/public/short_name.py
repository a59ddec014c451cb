# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name under an icon of a home screen: https://www.w3.org/TR/appmanifest/#short_name-member"""

from __future__ import annotations

# Phones show about as many, and cut the rest.
MAX_LENGTH = 12
# "di", "del", "of", "und": nothing ends with one.
MAX_SMALL_WORD = 5


def short_name(name: str) -> str:
    """The first whole words of a name that fit; "" if no word does.

    "Comune di Cremona" says less by its first word than by what follows "di".
    """
    name = " ".join(name.split())
    if len(name) <= MAX_LENGTH:
        return name
    words = name.split()
    first = 2 if len(words) > 2 and _is_small(words[1]) else 0
    starts = [*range(first, len(words)), *range(first)]
    fitting = (_fitting(words[start:]) for start in starts if not _is_small(words[start]))
    return next(filter(None, fitting), "")


def _is_small(word: str) -> bool:
    return word.islower() and len(word) <= MAX_SMALL_WORD


def _fitting(words: list[str]) -> str:
    end = len(words)
    while end and (len(" ".join(words[:end])) > MAX_LENGTH or _is_small(words[end - 1])):
        end -= 1
    return " ".join(words[:end]).rstrip(",;:–-(")
