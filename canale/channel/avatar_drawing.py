# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The avatar of a channel that has no picture."""

from __future__ import annotations

from PIL import Image, ImageDraw

from canale.channel.colours import DEFAULT_COLOUR, palette
from canale.channel.decoding.sizes import AVATAR_SIZES, WHITE, PreparedImage, avatar_sizes
from canale.channel.fonts import font_with
from canale.channel.names import initials

SIZE = AVATAR_SIZES[-1]
# Avatars are shown as circles.
MAX_WIDTH = SIZE * 0.68


def draw_avatar(name: str, colour: str = DEFAULT_COLOUR) -> PreparedImage:
    """Initials, or a town hall when no font has them, in white on the shade of the head's band."""
    picture = Image.new("RGB", (SIZE, SIZE), palette(colour).light.band)
    draw = ImageDraw.Draw(picture)
    letters = initials(name)
    font = font_with(letters, SIZE * (0.5 if len(letters) == 1 else 0.42)) if letters else None
    if font is None:
        _draw_town_hall(draw)
    else:
        left, _top, right, _bottom = draw.textbbox((0, 0), letters, font=font)
        if right - left > MAX_WIDTH:
            font = font_with(letters, font.size * MAX_WIDTH / (right - left)) or font
        left, top, right, bottom = draw.textbbox((0, 0), letters, font=font)
        place = ((SIZE - left - right) / 2, (SIZE - top - bottom) / 2)
        draw.text(place, letters, fill=WHITE, font=font)
    return PreparedImage(SIZE, SIZE, tuple(avatar_sizes(picture)))


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
