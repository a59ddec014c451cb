# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rules for passwords, with messages of our own: Django's are not all in Italian."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from canale.accounts.guessable_words import (
    CHANGE_ME,
    ENDINGS,
    ROWS,
    SHORT_WORDS,
    WITH_CHANGE_ME,
    WORDS,
)
from canale.channel.models import Channel
from canale.core.settings import settings

PRODUCT = "canale"
# The least number of guesses: words, names, numbers, or single signs (`parts`).
MIN_PARTS = 4
# Marks between words and at the end are tried first.
MARK_WEIGHT = 0.2
MIN_DISTINCT = 5
# The beginning of a longer one is enough.
MAX_CHECKED_LENGTH = 128
_MAX_CHANNELS = 200
_LEET = str.maketrans("013457@$!€", "oieastasie")
_DATE = re.compile(r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])((19|20)\d\d|\d\d)")
# What stands before the first letter and after the last.
_INNER = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LONGEST = max(map(len, WORDS))


def normalise(password: str) -> str:
    """The one spelling under which a password is kept (NFKC, as RFC 8265 and NIST SP 800-63B ask):
    the same keys give other code points on another system."""
    return unicodedata.normalize("NFKC", password)


class MinimumLengthValidator(password_validation.MinimumLengthValidator):
    def validate(self, password: str, user: object = None) -> None:
        super().validate(normalise(password))

    def get_error_message(self) -> str:
        return _("Too short: use at least %(count)d characters.") % {"count": self.min_length}

    def get_help_text(self) -> str:
        return _("Use at least %(count)d characters.") % {"count": self.min_length}


class EmailSimilarityValidator(password_validation.UserAttributeSimilarityValidator):
    def get_error_message(self) -> str:
        return _("Too much like your e-mail address.")

    def get_help_text(self) -> str:
        return _("Do not use your e-mail address.")


class GuessablePasswordValidator:
    """Refuses repetitions, runs of keys, common words with the usual endings, and the words that
    anybody would try here first."""

    def validate(self, password: str, user: object = None) -> None:
        folded = _folded(password)[:MAX_CHECKED_LENGTH]
        block = _block(folded)
        if len(set(folded)) < MIN_DISTINCT or len(block) < MIN_PARTS:
            raise ValidationError(_("It repeats itself: put four unrelated words together."))
        if parts(block) < MIN_PARTS or _is_a_word_in_disguise(block) or _says_to_change_it(block):
            message = _("Many would try this one: put four unrelated words together.")
            raise ValidationError(message)
        if _is_made_of_names(block, context_words(user)):
            message = _("Made of names from here: choose words that have nothing to do with them.")
            raise ValidationError(message)

    def get_help_text(self) -> str:
        return _("Four unrelated words are easy to remember.")


def _is_a_word_in_disguise(folded: str) -> bool:
    """True for a common word with marks or digits between its letters, as `p.a.s.s.w.o.r.d`."""
    return not WORDS.isdisjoint(_letters(folded))


def _says_to_change_it(folded: str) -> bool:
    """True for a placeholder, as `cambiami.subito`, of however many words."""
    every = CHANGE_ME | WITH_CHANGE_ME
    return any(
        _is_made_of(letters, every) and any(word in letters for word in CHANGE_ME)
        for letters in _letters(folded)
    )


def _letters(folded: str) -> set[str]:
    """The letters of a password, with and without those that a digit may stand for."""
    spellings = (folded, folded.translate(_LEET), _INNER.sub("", folded).translate(_LEET))
    return {"".join(filter(str.isalpha, spelling)) for spelling in spellings}


def _is_made_of(letters: str, words: Collection[str]) -> bool:
    ends = {0}
    for start in range(len(letters)):
        if start in ends:
            ends |= {start + len(word) for word in words if letters.startswith(word, start)}
    return len(letters) in ends


def _is_made_of_names(folded: str, names: Collection[str]) -> bool:
    """A name may be of several words, so the marks between them make it no better."""
    bare = "".join(sign for sign in folded if sign.isalnum())
    return any(parts(text, names) < MIN_PARTS <= parts(text) for text in (folded, bare))


def parts(folded: str, names: Collection[str] = ()) -> float:
    """The least number of words, names, numbers, runs of keys and single signs that make up a
    password: what an attacker with a list of words has to combine."""
    least = [0.0] + [float("inf")] * len(folded)
    plain = folded.translate(_LEET)
    longest = max([_LONGEST, *map(len, names)])
    for start, sign in enumerate(folded):
        single = least[start] + (1.0 if sign.isalnum() else MARK_WEIGHT)
        least[start + 1] = min(least[start + 1], single)
        for end in range(start + 2, min(start + longest, len(folded)) + 1):
            if least[start] + 1 < least[end] and _is_one(
                folded[start:end], plain[start:end], names
            ):
                least[end] = least[start] + 1
    return least[-1]


def _is_one(piece: str, plain: str, names: Collection[str]) -> bool:
    """True if a piece of a password is a single guess."""
    return (
        not WORDS.isdisjoint((piece, plain))
        or not SHORT_WORDS.isdisjoint((piece, plain))
        or piece in names
        or plain in names
        or (piece.isdecimal() and (len(piece) <= 4 or bool(_DATE.fullmatch(piece))))
        or (len(piece) >= 3 and (len(set(piece)) == 1 or _is_run(piece)))
    )


def _is_run(piece: str) -> bool:
    return any(piece in row * 2 or piece in row[::-1] * 2 for row in ROWS)


def _block(text: str) -> str:
    """The part that is repeated, as `abc` in `abcabcab`; the whole text if none is."""
    for size in range(1, len(text) // 2 + 1):
        if (text[:size] * (len(text) // size + 1))[: len(text)] == text:
            return text[:size]
    return text


def _folded(text: str) -> str:
    """Without capitals and accents."""
    signs = unicodedata.normalize("NFKD", normalise(text).casefold())
    return "".join(sign for sign in signs if unicodedata.category(sign) != "Mn")


def context_words(user: object) -> frozenset[str]:
    """The names that anybody would try here: the product, the host, the channels, the person's own
    e-mail, and what the caller adds as ``also_avoid`` (a channel that is just being made)."""
    texts = [PRODUCT, urlsplit(settings.base_url).hostname or "", getattr(user, "email", "")]
    rows = Channel.objects.values_list("name", "handle")[:_MAX_CHANNELS]
    texts += [text for row in rows for text in row]
    texts += getattr(user, "also_avoid", ())
    return frozenset(word for text in texts for word in _words(text))


def _words(text: str) -> Iterator[str]:
    words = [word for word in re.split(r"[\W\d_]+", _folded(text)) if word]
    yield from (word for word in (*words, "".join(words)) if len(word) > 2)


def common_passwords(min_length: int = 12) -> Iterator[str]:
    """The list that the rules stand for, each of which is refused (ASVS 5.0, 6.2.4)."""
    for word in sorted(WORDS):
        for ending in ENDINGS:
            for spelling in (word, word.capitalize()):
                if len(spelling + ending) >= min_length:
                    yield spelling + ending
