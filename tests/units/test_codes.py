# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""QR codes lead where they should, and the poster is one page that says how to join."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date

import pytest
from django.utils import translation
from PIL import Image
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from canale.channel.avatar_drawing import draw_avatar
from canale.channel.dates import day_heading
from canale.channel.models import Channel
from canale.channel.poster import poster_pdf
from canale.channel.qr import qr_png, qr_svg

URL = "https://canale.comune.cremona.it/c/cremona/"


def test_qr_codes_are_images_with_a_quiet_zone() -> None:
    png = Image.open(io.BytesIO(qr_png(URL))).convert("L")
    assert png.width == png.height
    module = 16
    assert png.crop((0, 0, 4 * module, png.height)).getextrema() == (255, 255)
    # The finder pattern begins after it.
    assert png.getpixel((4 * module + 1, 4 * module + 1)) == 0
    svg = ET.fromstring(qr_svg(URL))
    assert svg.get("viewBox")
    assert "style" not in qr_svg(URL).decode()


def poster(name: str, language: str, paper: str = "a4") -> PdfReader:
    city = Channel(handle="cremona", name=name, colour="#ffd700")
    avatar = draw_avatar(name, city.colour).variants[2].data
    return PdfReader(io.BytesIO(poster_pdf(city, avatar, language, paper)))


@pytest.mark.parametrize(
    "name",
    ["Comune di Cremona", "Unione dei Comuni Lombarda Terra di Cascine e Borghi"],
)
@pytest.mark.parametrize(("language", "paper"), [("it", "a4"), ("en", "a3")])
def test_poster_is_one_page_of_its_paper(name: str, language: str, paper: str) -> None:
    (page,) = poster(name, language, paper).pages
    sides = {"a4": (210, 297), "a3": (297, 420)}[paper]
    points = [round(float(side) / 72 * 25.4) for side in page.mediabox.upper_right]
    assert tuple(points) == sides
    fonts = [font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()]
    assert any("TitilliumWeb" in font for font in fonts)
    words = {"it": "Cantieri, eventi, scadenze, allerte: appena succede.", "en": "Tap Follow"}
    assert words[language] in page.extract_text()


def test_poster_is_a_tagged_pdf() -> None:
    pdf = poster("Comune di Cremona", "it")
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "it"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf.metadata
    assert pdf.metadata.title == "Comune di Cremona – Canale ufficiale"
    assert b"<pdfuaid:part>1<" in root["/Metadata"].get_data()
    tags = list(elements(root["/StructTreeRoot"]))
    assert [tag["/S"] for tag in tags].count("/H1") == 1
    (alt,) = [tag["/Alt"] for tag in tags if tag.get("/S") == "/Figure"]
    assert alt.endswith("/c/cremona/")
    assert {"en", "fr", "ro", "sq", "uk", "ar"} <= {tag.get("/Lang") for tag in tags}


def test_name_with_a_character_that_no_font_has_gets_a_poster_too() -> None:
    (page,) = poster("Cremona 🏔️ 東京", "it").pages
    assert "Cremona" in page.extract_text()


def elements(tag: DictionaryObject) -> Iterator[DictionaryObject]:
    """The elements below one of a PDF's structure tree (ISO 32000-2, section 14.7.2)."""
    children = tag.get("/K", [])
    for kid in children if isinstance(children, list) else [children]:
        child = kid.get_object()
        if isinstance(child, DictionaryObject) and "/S" in child:
            yield child
            yield from elements(child)


def test_channel_name_is_not_run_as_typst_code() -> None:
    name = '#read("/etc/passwd") $x$ \\ "'
    (page,) = poster(name, "it").pages
    assert '#read("/etc/passwd")' in page.extract_text()


@pytest.mark.parametrize(
    ("language", "day", "said"),
    [
        ("it", date(2026, 11, 24), "Oggi"),
        ("it", date(2026, 11, 23), "Ieri"),
        ("it", date(2026, 11, 3), "martedì 3 novembre"),
        ("it", date(2025, 12, 31), "mercoledì 31 dicembre 2025"),
        ("en", date(2026, 11, 24), "Today"),
        ("en", date(2026, 11, 3), "Tuesday 3 November"),
    ],
)
def test_day_headings_use_today_yesterday_and_dates(language: str, day: date, said: str) -> None:
    with translation.override(language):
        assert day_heading(day, date(2026, 11, 24)) == said
