# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Password validators, with messages of our own: not all of Django's are in Italian."""

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
# Words, names, numbers or single characters that a password must at least combine.
MIN_PARTS = 4
# An attacker tries punctuation between words and at the end first, so it counts for little.
MARK_WEIGHT = 0.2
MIN_DISTINCT = 5
# Only this much of a longer password is checked.
MAX_CHECKED_LENGTH = 128
_MAX_CHANNELS = 200
_LEET = str.maketrans("013457@$!€", "oieastasie")
_DATE = re.compile(r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])((19|20)\d\d|\d\d)")
# Everything before the first letter and after the last.
_INNER = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LONGEST = max(map(len, WORDS))
# In both directions, and on from the last key to the first.
_KEY_ROWS = [keys * 2 for row in ROWS for keys in (row, row[::-1])]


def normalise(password: str) -> str:
    """Return the spelling that is hashed: NFKC, as RFC 8265 and NIST SP 800-63B require.

    The same keys produce different code points on different systems.
    """
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
        return _("Too similar to your e-mail address.")

    def get_help_text(self) -> str:
        return _("Do not use your e-mail address.")


class GuessablePasswordValidator:
    """Refuses repetitions, rows of keys, common words with the usual endings, and local names."""

    def validate(self, password: str, user: object = None) -> None:
        folded = _fold(password)[:MAX_CHECKED_LENGTH]
        block = _repeated_block(folded)
        if len(set(folded)) < MIN_DISTINCT or len(block) < MIN_PARTS:
            raise ValidationError(_("It repeats itself: combine four random words."))
        is_disguised_word = not WORDS.isdisjoint(_letters(block))
        if count_parts(block) < MIN_PARTS or is_disguised_word or _is_placeholder(block):
            message = _("It is easy to guess: combine four random words.")
            raise ValidationError(message)
        # With and without punctuation, because a name may consist of several words.
        texts, names = (block, "".join(filter(str.isalnum, block))), context_words(user)
        if any(count_parts(text, names) < MIN_PARTS <= count_parts(text) for text in texts):
            raise ValidationError(_("It is made of local names: choose words unrelated to them."))

    def get_help_text(self) -> str:
        return _("Four random words are easier to remember.")


def _letters(folded: str) -> set[str]:
    """Return the letters alone, with and without those that a digit may stand for.

    `p.a.s.s.w.o.r.d` and `p4ssw0rd` both give `password`.
    """
    spellings = (folded, folded.translate(_LEET), _INNER.sub("", folded).translate(_LEET))
    return {"".join(filter(str.isalpha, spelling)) for spelling in spellings}


def _is_placeholder(folded: str) -> bool:
    """Detect words that ask for a change, such as `cambiami.subito`."""
    words = CHANGE_ME | WITH_CHANGE_ME
    return any(
        _is_made_of(letters, words) and any(word in letters for word in CHANGE_ME)
        for letters in _letters(folded)
    )


def _is_made_of(letters: str, words: Collection[str]) -> bool:
    ends = {0}
    for start in range(len(letters)):
        if start in ends:
            ends |= {start + len(word) for word in words if letters.startswith(word, start)}
    return len(letters) in ends


def count_parts(folded: str, names: Collection[str] = ()) -> float:
    """Return the fewest words, names, numbers, rows of keys and characters that make up a password.

    That is what an attacker with a list of words has to combine.
    """
    least = [0.0] + [float("inf")] * len(folded)
    plain = folded.translate(_LEET)
    longest = max([_LONGEST, *map(len, names)])
    for start, char in enumerate(folded):
        single = least[start] + (1.0 if char.isalnum() else MARK_WEIGHT)
        least[start + 1] = min(least[start + 1], single)
        for end in range(start + 2, min(start + longest, len(folded)) + 1):
            if least[start] + 1 < least[end] and _is_single_guess(
                folded[start:end], plain[start:end], names
            ):
                least[end] = least[start] + 1
    return least[-1]


def _is_single_guess(piece: str, plain: str, names: Collection[str]) -> bool:
    return (
        not WORDS.isdisjoint((piece, plain))
        or not SHORT_WORDS.isdisjoint((piece, plain))
        or piece in names
        or plain in names
        or (piece.isdecimal() and (len(piece) <= 4 or bool(_DATE.fullmatch(piece))))
        or (len(piece) >= 3 and (len(set(piece)) == 1 or any(piece in row for row in _KEY_ROWS)))
    )


def _repeated_block(text: str) -> str:
    """Return the part that is repeated, such as `abc` in `abcabcab`, or else the whole text."""
    for size in range(1, len(text) // 2 + 1):
        if (text[:size] * (len(text) // size + 1))[: len(text)] == text:
            return text[:size]
    return text


def _fold(text: str) -> str:
    """Remove capitals and accents."""
    chars = unicodedata.normalize("NFKD", normalise(text).casefold())
    return "".join(char for char in chars if unicodedata.category(char) != "Mn")


def context_words(user: object) -> frozenset[str]:
    """Return the names to try first here: product, host, channels and the person's own e-mail.

    ``also_avoid`` adds more, such as those of a channel that is still being created.
    """
    texts = [PRODUCT, urlsplit(settings.base_url).hostname or "", getattr(user, "email", "")]
    rows = Channel.objects.values_list("name", "handle")[:_MAX_CHANNELS]
    texts += [text for row in rows for text in row]
    texts += getattr(user, "also_avoid", ())
    words = set[str]()
    for text in texts:
        split = re.split(r"[\W\d_]+", _fold(text))
        words |= {*split, "".join(split)}
    return frozenset(word for word in words if len(word) > 2)


def common_passwords(min_length: int = 12) -> Iterator[str]:
    """Yield the common passwords that the rules must refuse (ASVS 5.0, 6.2.4)."""
    for word in sorted(WORDS):
        for ending in ENDINGS:
            for spelling in (word, word.capitalize()):
                if len(spelling + ending) >= min_length:
                    yield spelling + ending
