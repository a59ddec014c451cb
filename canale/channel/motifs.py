# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The motif in the head of a channel: a strip of one small drawing, repeated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _


class Motif(models.TextChoices):
    ARCHES = "arches", _("Arcade")
    WALLS = "walls", _("Battlements")
    WAVES = "waves", _("Waves")
    HILLS = "hills", _("Hills")
    TILES = "tiles", _("Mosaic")
    NONE = "none", _("None")


@dataclass(frozen=True, slots=True)
class Drawing:
    """One piece of the strip: its width and a path, HEIGHT high, which goes on at its sides."""

    width: int
    path: str


HEIGHT = 32
DRAWINGS = {
    Motif.ARCHES: Drawing(36, "M0 2h36v3H0zM0 8h36v24h-5V23a13 13 0 0 0-26 0v9H0z"),
    Motif.WALLS: Drawing(32, "M0 32V18h6V4l10 7 10-7v14h6v14z"),
    Motif.WAVES: Drawing(48, "M0 14q12-12 24 0t24 0v5q-12 12-24 0T0 19zM0 26q12-12 24 0t24 0v6H0z"),
    Motif.HILLS: Drawing(144, "M0 32V24c24 0 26-14 52-14s32 16 56 16 20-2 36-2v8z"),
    Motif.TILES: Drawing(24, "M12 2 22 12 12 22 2 12zM0 18l6 6-6 6zM24 18v12l-6-6zM12 26l6 6H6z"),
}
# True of every town: the channel's administrator knows whether there are hills and water.
QUIET = (Motif.ARCHES, Motif.WALLS, Motif.TILES)


def quiet_motif(handle: str) -> Motif:
    """Return the motif of a channel whose administrator has not chosen one yet."""
    return QUIET[hashlib.sha256(handle.encode()).digest()[0] % len(QUIET)]


def motif_svg(motif: str, place: str = "") -> SafeString:
    """The strip, as wide as its box; empty for `Motif.NONE`. The style sheets colour it.

    Strips on one page need different values of ``place``.
    """
    drawing = DRAWINGS.get(Motif(motif))
    if drawing is None:
        return SafeString("")
    return format_html(
        '<svg class="motif" width="100%" height="{1}" aria-hidden="true" focusable="false">'
        '<pattern id="motif-{0}{4}" width="{2}" height="{1}" patternUnits="userSpaceOnUse">'
        '<path d="{3}"/></pattern>'
        '<rect width="100%" height="{1}" fill="url(#motif-{0}{4})"/></svg>',
        motif,
        HEIGHT,
        drawing.width,
        drawing.path,
        f"-{place}" if place else "",
    )
