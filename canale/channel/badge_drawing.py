# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The badge of notifications: what Android shows in its status bar.

Android reads the transparency of the picture only, and fills the rest with a colour of its own:
https://developer.mozilla.org/docs/Web/API/Notification/badge
"""

from __future__ import annotations

import io
from functools import cache

from PIL import Image, ImageDraw

# 24 dp on the sharpest phones.
SIZE = 96
# Drawn larger, for smooth edges.
SCALE = 8
# The megaphone of icons.html, filled: lines would be too thin. In units of a 24 × 24 grid.
BODY = ((2.5, 9), (8, 9), (16.5, 4), (16.5, 20), (8, 15), (2.5, 15))
HANDLE = ((5, 14), (9, 14), (10.5, 20.5), (6.5, 20.5))
WAVE = (12.5, 7, 22, 17)


@cache
def draw_badge() -> bytes:
    """A white megaphone on nothing, as a PNG."""
    unit = SIZE * SCALE / 24
    ink = Image.new("L", (SIZE * SCALE, SIZE * SCALE), 0)
    draw = ImageDraw.Draw(ink)
    for shape in (BODY, HANDLE):
        draw.polygon([(x * unit, y * unit) for x, y in shape], fill=255)
    draw.arc([side * unit for side in WAVE], -48, 48, fill=255, width=round(2 * unit))
    picture = Image.new("LA", (SIZE, SIZE), (255, 0))
    picture.putalpha(ink.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
