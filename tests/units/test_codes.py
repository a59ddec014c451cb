# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""QR codes lead where they should, and the poster is one page that says how to join."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from datetime import date

import pytest
from django.utils import translation
from PIL import Image

from canale.channel.avatar_drawing import draw_avatar
from canale.channel.dates import day_heading
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


@pytest.mark.parametrize(
    "name",
    ["Comune di Cremona", "Unione dei Comuni Lombarda Terra di Cascine e Borghi"],
)
@pytest.mark.parametrize("language", ["it", "en"])
def test_poster_has_one_page(name: str, language: str) -> None:
    avatar = draw_avatar(name).variants[2].data
    pdf = poster_pdf(name, URL, "canale.comune.cremona.it", avatar, language)
    assert pdf.startswith(b"%PDF-")
    assert b"TitilliumWeb" in pdf
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type/Page/") == 1 or b"/Count 1" in pdf


def test_channel_name_is_not_run_as_typst_code() -> None:
    avatar = draw_avatar("x").variants[2].data
    name = '#read("/etc/passwd") $x$ \\ "'
    assert poster_pdf(name, URL, "x", avatar, "it").startswith(b"%PDF-")


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
