# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The poster: an A4 page with name, QR code, and how to join in three words."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import typst
from django.utils import translation
from django.utils.translation import gettext as _

from canale.channel.fonts import FONTS
from canale.channel.qr import qr_svg

TEMPLATE = Path(__file__).with_name("poster.typ")


def poster_pdf(name: str, url: str, short_url_text: str, avatar_png: bytes, language: str) -> bytes:
    """A PDF of one page. What people wrote goes in as data, never as Typst's code."""
    with tempfile.TemporaryDirectory(prefix="canale-poster-") as folder:
        room = Path(folder)
        shutil.copy(TEMPLATE, room / "poster.typ")
        (room / "avatar.png").write_bytes(avatar_png)
        (room / "qr.svg").write_bytes(qr_svg(url))
        with translation.override(language):
            words = {
                "language": language,
                "name": name,
                "address": short_url_text,
                "call": _("News from your city, on your phone"),
                "promise": _("Roadworks, events, deadlines, emergencies: at once."),
                "steps": [_("Frame the code"), _("Press Follow"), _("Get the news")],
                "free": _("Free. No registration, no name, no phone number."),
            }
        (room / "words.json").write_text(json.dumps(words), encoding="utf-8")
        pdf: bytes = typst.compile(
            str(room / "poster.typ"), root=str(room), font_paths=[str(FONTS)], format="pdf"
        )
    return pdf
