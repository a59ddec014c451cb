# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The avatar of a channel that has no picture."""

from __future__ import annotations

import hashlib
import unicodedata

from PIL import Image, ImageDraw

from canale.channel.decoding.sizes import AVATAR_SIZES, WHITE, PreparedImage, avatar_sizes
from canale.channel.fonts import Font, font_with

SIZE = AVATAR_SIZES[-1]
# Avatars are shown as circles.
MAX_WIDTH = SIZE * 0.68
# White text on each has a contrast above 4.5.
COLOURS = ("#0066cc", "#00596b", "#2d6a2d", "#5c3c92", "#8a3b12", "#9b1b5a", "#17324d", "#455a64")
# Short words in small letters say nothing: "di", "of", "und".
MIN_SMALL_WORD = 4


def draw_avatar(name: str) -> PreparedImage:
    """Initials, or a town hall when no font has them, on a colour that belongs to the name."""
    picks = hashlib.sha256(name.encode()).digest()
    picture = Image.new("RGB", (SIZE, SIZE), COLOURS[picks[0] % len(COLOURS)])
    draw = ImageDraw.Draw(picture)
    letters = initials(name)
    font = font_with(letters, SIZE * (0.5 if len(letters) == 1 else 0.42)) if letters else None
    if font is None:
        _draw_town_hall(draw)
    else:
        _draw_letters(draw, letters, font)
    return PreparedImage(SIZE, SIZE, tuple(avatar_sizes(picture)))


def initials(name: str) -> str:
    """The first letters of the first two words that say something; "" if none begins with one."""
    words = [word for part in name.split() if (word := _from_letter(part))]
    significant = [w for w in words if len(w) >= MIN_SMALL_WORD or not w[0].islower()] or words
    return "".join(map(_initial, significant[:2]))


def _from_letter(word: str) -> str:
    """The word after its quotes and brackets; "" for emoji and punctuation alone."""
    word = unicodedata.normalize("NFC", word)
    start = next((place for place, char in enumerate(word) if char.isalnum()), len(word))
    return word[start:]


def _initial(word: str) -> str:
    """The first letter with its accents; as a capital, if that is one letter too."""
    end = 1
    while end < len(word) and unicodedata.combining(word[end]):
        end += 1
    # Not `upper`: Georgian capitals are for whole lines in capitals, and few fonts have them.
    capital = word[:end].title()
    return capital if len(capital) == end else word[:end]


def _draw_letters(draw: ImageDraw.ImageDraw, letters: str, font: Font) -> None:
    left, _top, right, _bottom = draw.textbbox((0, 0), letters, font=font)
    if right - left > MAX_WIDTH:
        smaller = font_with(letters, font.size * MAX_WIDTH / (right - left))
        font = smaller or font
    left, top, right, bottom = draw.textbbox((0, 0), letters, font=font)
    place = ((SIZE - left - right) / 2, (SIZE - top - bottom) / 2)
    draw.text(place, letters, fill=WHITE, font=font)


def _draw_town_hall(draw: ImageDraw.ImageDraw) -> None:
    middle, unit = SIZE / 2, SIZE / 16
    draw.polygon(
        [(middle, 3.5 * unit), (middle + 5 * unit, 6 * unit), (middle - 5 * unit, 6 * unit)],
        fill=WHITE,
    )
    for column in range(-2, 3):
        left = middle + (column * 2 - 0.5) * unit
        draw.rectangle((left, 6.75 * unit, left + unit, 10.75 * unit), fill=WHITE)
    draw.rectangle((middle - 5 * unit, 11.5 * unit, middle + 5 * unit, 12.5 * unit), fill=WHITE)
