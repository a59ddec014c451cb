# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demonstration's pictures, drawn by us."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw

from canale.channel.fonts import font

WIDTH, HEIGHT = 1200, 800
INK, SKY, WHITE = "#17324d", "#e6f0fa", "#ffffff"


def _canvas(ground: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (WIDTH, HEIGHT), ground)
    return picture, ImageDraw.Draw(picture)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def market() -> bytes:
    """A stall with a striped roof and crates."""
    picture, draw = _canvas(SKY)
    draw.rectangle((0, 620, WIDTH, HEIGHT), fill="#cdbfa6")
    for stripe in range(12):
        left = 120 + stripe * 80
        colour = "#c0392b" if stripe % 2 == 0 else WHITE
        draw.polygon(
            [(left, 180), (left + 80, 180), (left + 90, 330), (left + 10, 330)], fill=colour
        )
        draw.pieslice((left + 10, 290, left + 90, 370), 0, 180, fill=colour)
    for post in (160, 1060):
        draw.rectangle((post, 330, post + 16, 700), fill="#7f5f3a")
    for crate, colour in enumerate(("#d35400", "#27ae60", "#c0392b", "#f1c40f", "#8e44ad")):
        left = 200 + crate * 170
        draw.rectangle((left, 560, left + 150, 660), fill="#a47148")
        for fruit in range(8):
            x, y = left + 10 + fruit % 4 * 34, 520 + fruit // 4 * 30
            draw.ellipse((x, y, x + 36, y + 36), fill=colour)
    return _png(picture)


def recycling() -> bytes:
    """Four bins and what goes into each."""
    picture, draw = _canvas(WHITE)
    title = font(64)
    words = font(36)
    draw.text((WIDTH / 2, 90), "Che cosa va dove", fill=INK, font=title, anchor="mm")
    bins = (
        ("#7b4a21", "Umido", "avanzi, caffè"),
        ("#b38600", "Plastica", "e metalli"),
        ("#0a5ca8", "Carta", "e cartone"),
        ("#1e7b34", "Vetro", "senza tappi"),
    )
    for place, (colour, name, what) in enumerate(bins):
        left = 70 + place * 275
        draw.rounded_rectangle((left, 240, left + 235, 640), 24, fill=colour)
        draw.rounded_rectangle((left - 12, 200, left + 247, 260), 20, fill=colour)
        draw.text((left + 117, 420), name, fill=WHITE, font=font(46), anchor="mm")
        draw.text((left + 117, 700), what, fill=INK, font=words, anchor="mm")
    return _png(picture)


def river() -> bytes:
    """The level of the river against its thresholds."""
    picture, draw = _canvas(WHITE)
    words = font(34)
    title = font(56)
    draw.text((80, 60), "Livello del Po a Cremona", fill=INK, font=title)
    for height, name, colour in ((520, "soglia 1", "#b38600"), (340, "soglia 2", "#c0392b")):
        draw.line((80, height, 1000, height), fill=colour, width=4)
        draw.text((1015, height), name, fill=colour, font=words, anchor="lm")
    points = [(80 + x, 640 - 400 / (1 + math.exp(-(x - 480) / 110))) for x in range(0, 921, 20)]
    draw.polygon([(80, 700), *points, (1000, 700)], fill="#bfdfff")
    draw.line(points, fill="#0066cc", width=8)
    for place, hour in enumerate(("6:00", "12:00", "18:00", "2:00")):
        draw.text((80 + place * 300, 730), hour, fill=INK, font=words, anchor="mm")
    return _png(picture)
