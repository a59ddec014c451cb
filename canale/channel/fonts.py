# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The fonts of what the server draws: avatars, posters, the demonstration's pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

from PIL import ImageFont

# The front end's build puts them there. Without it Typst and Pillow use fonts of their own.
FONTS = Path(__file__).parents[1] / "static/fonts"
REGULAR, BOLD = "TitilliumWeb_400Regular.ttf", "TitilliumWeb_700Bold.ttf"
# For letters that Titillium Web does not have.
EUROPEAN = "DejaVuSans-Bold.ttf"
# No character: whatever a font shows for it, it shows for every character it does not have.
NO_CHARACTER = "\uffff"
Font = ImageFont.FreeTypeFont


def font(size: float, name: str = REGULAR) -> Font:
    """A font of ours, or Pillow's own before the front end was built."""
    file = FONTS / name
    if file.exists():
        return ImageFont.truetype(file, size)
    return cast("Font", ImageFont.load_default(size))


def font_with(text: str, size: float) -> Font | None:
    """The first bold font that has every letter of ``text``; None if there is none."""
    name = next((name for name in (BOLD, EUROPEAN) if all(has(name, char) for char in text)), None)
    return font(size, name) if name else None


@cache
def has(name: str, char: str) -> bool:
    """True if a font has a glyph for a character."""
    looked_up = font(32, name)
    return _drawn(looked_up, char) != _drawn(looked_up, NO_CHARACTER)


def _drawn(looked_up: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = looked_up.getmask(char)
    return mask.size, bytes(mask)
