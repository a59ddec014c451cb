# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The poster: a page with name, QR code and how to join in three steps, A4 or A3.

A tagged PDF (PDF/UA-1): a screen reader reads its title, its words in their languages, and where
the code leads.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import cast

import typst
from django.utils import translation
from django.utils.translation import gettext as _

from canale.channel.colours import palette
from canale.channel.fonts import FONTS
from canale.channel.links import channel_url
from canale.channel.models import Channel
from canale.channel.motifs import DRAWINGS, HEIGHT, Motif
from canale.channel.qr import qr_svg

TEMPLATE = Path(__file__).with_name("poster.typ")
# For those who do not read the poster's language; the page itself speaks Italian or English.
FOREIGN = {
    "it": "Inquadra il codice: le notizie della città, gratis.",
    "en": "Scan the code: city news on your phone, free.",
    "fr": "Scannez le code : les infos de la ville, gratuites.",
    "ro": "Scanează codul: noutățile orașului, gratuit.",
    "sq": "Skano kodin: lajmet e qytetit, falas.",
    "uk": "Скануй код: новини міста безкоштовно.",
    "ar": "امسح الرمز: أخبار المدينة على هاتفك مجانًا.",
}


def poster_pdf(channel: Channel, avatar_png: bytes, language: str, paper: str = "a4") -> bytes:
    """A PDF of one page. What people wrote goes in as data, never as Typst's code.

    ``paper`` is "a4" or "a3".
    """
    url = channel_url(channel)
    with tempfile.TemporaryDirectory(prefix="canale-poster-") as folder:
        room = Path(folder)
        shutil.copy(TEMPLATE, room / "poster.typ")
        (room / "avatar.png").write_bytes(avatar_png)
        (room / "qr.svg").write_bytes(qr_svg(url))
        shades = palette(channel.colour).light
        (room / "motif.svg").write_text(_motif(channel.motif, shades.slim), encoding="utf-8")
        with translation.override(language):
            words = {
                "language": language,
                "paper": paper,
                "band": shades.band,
                "name": channel.name,
                "address": url.split("://", 1)[1].rstrip("/"),
                "official": _("Official channel"),
                "call": _("News from your city, on your phone"),
                "promise": _("Roadworks, events, deadlines, alerts: as they happen."),
                "code": _("QR code of the channel: %(url)s") % {"url": url},
                "steps": [_("Scan the code"), _("Tap Follow"), _("Get the news")],
                "iphone": _("On iPhone and iPad, three more steps"),
                "iphone_steps": [
                    _("tap Share"),
                    _("choose “Add to Home Screen”"),
                    _("open the new icon and tap Follow"),
                ],
                "free": _("Free. No registration, no name, no phone number."),
                "foreign": [item for item in FOREIGN.items() if item[0] != language],
            }
        (room / "words.json").write_text(json.dumps(words), encoding="utf-8")
        compiler = typst.Compiler(str(room / "poster.typ"), root=str(room), font_paths=[str(FONTS)])
        try:
            pdf = compiler.compile(format="pdf", pdf_standards="ua-1")
        except typst.TypstError:
            # PDF/UA forbids a character that no font of ours has, such as an emoji in the name.
            pdf = compiler.compile(format="pdf")
    return cast("bytes", pdf)


def _motif(motif: str, colour: str) -> str:
    """The strip for the width of the page, one piece after the other."""
    drawing = DRAWINGS.get(Motif(motif))
    width, path = (drawing.width, drawing.path) if drawing else (HEIGHT, "")
    pieces = range(0, 20 * HEIGHT, width)
    uses = "".join(f'<path transform="translate({x})" d="{path}"/>' for x in pieces)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {20 * HEIGHT} {HEIGHT}" '
        f'fill="{colour}" fill-opacity="0.4">{uses}</svg>'
    )
