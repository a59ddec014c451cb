# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Short forms of a channel's name: for an avatar, and under the icon on a home screen."""

from __future__ import annotations

import re
import unicodedata

# Under an icon, phones show about as many letters and cut the rest:
# https://www.w3.org/TR/appmanifest/#short_name-member
SHORT_LENGTH = 12
# "di", "del", "of", "und": no name ends with one.
MAX_SMALL_WORD = 5
# In initials, shorter words in small letters are left out.
MIN_SMALL_WORD = 4
# The kind of institution, which stands before the name of its place.
INSTITUTION = re.compile(
    r"""
    (?: (?:unione|associazione|federazione) (?:\ (?:dei|di|delle))? \ comuni
      | unione\ montana | comunità\ montana | città\ metropolitana
      | provincia\ autonoma | regione\ autonoma
      | comune | città | provincia | regione | municipio
      | stadtgemeinde | marktgemeinde | gemeinde | stadt | provinz | land
      | občina | commune | mairie | ville | municipality | city | town )
    (?: \ d(?:ell)?['’]
      | (?:\ (?:di|del|della|dello|dei|degli|delle|de|du|des|von|of))? \ )
    (?=\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# "Comune di Bolzano / Gemeinde Bozen": the first language is enough.
BETWEEN_LANGUAGES = re.compile(r"\s[/|–—-]\s")
REMARK = re.compile(r"(?<=\S)\s*\([^()]*\)$")
# "nell’" of "Reggio nell’Emilia"; the L of "L’Aquila" belongs to the name.
ELIDED = re.compile(r"[^\W\d_]+['’](?=\w)")


def own_name(name: str) -> str:
    """The name of the place: "Cremona" of "Comune di Cremona"."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    first = REMARK.sub("", BETWEEN_LANGUAGES.split(name, maxsplit=1)[0])
    return INSTITUTION.sub("", first, count=1) if INSTITUTION.match(first) else first


def short_name(name: str) -> str:
    """At most SHORT_LENGTH characters: the first whole words of `own_name` that fit.

    A name with no word that fits is cut.
    """
    name = own_name(name)
    if len(name) <= SHORT_LENGTH:
        return name
    words = name.split()
    starts = [start for start, word in enumerate(words) if not _is_small(word)]
    fitting = (_fitting(words[start:]) for start in starts)
    return next(filter(None, fitting), name[: SHORT_LENGTH - 1].rstrip() + "…")


def _is_small(word: str) -> bool:
    return word.islower() and len(word) <= MAX_SMALL_WORD


def _fitting(words: list[str]) -> str:
    end = len(words)
    while end and (len(" ".join(words[:end])) > SHORT_LENGTH or _is_small(words[end - 1])):
        end -= 1
    return " ".join(words[:end]).rstrip(",;:–-(")


def initials(name: str) -> str:
    """Two letters of `own_name`: "Cr" of Cremona, "RE" of "Reggio nell’Emilia".

    One if it has no more; "" without letters.
    """
    words = [letters for word in own_name(name).split() if (letters := _letters(word))]
    words = [w for w in words if len(w) >= MIN_SMALL_WORD or not w[0].islower()] or words
    if len(words) == 1:
        return _capital(words[0][0]) + "".join(words[0][1:2]).lower()
    return "".join(_capital(word[0]) for word in words[:2])


def _letters(word: str) -> list[str]:
    """The letters and digits of a word, each with its accents, without an elided article."""
    elided = ELIDED.match(word)
    if elided and elided[0].islower():
        word = word[elided.end() :]
    letters = list[str]()
    for char in word:
        if char.isalnum():
            letters.append(char)
        elif letters and unicodedata.combining(char):
            letters[-1] += char
    return letters


def _capital(letter: str) -> str:
    """The letter as a capital, if that is one letter too."""
    # Not `upper`: Georgian capitals are for whole lines in capitals, and few fonts have them.
    capital = letter.title()
    return capital if len(capital) == len(letter) else letter
