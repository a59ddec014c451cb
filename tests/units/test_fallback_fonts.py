# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Until the font has arrived, a font of the device stands in for it with its widths and heights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import ImageFont

ROOT = Path(__file__).parents[2]
TITILLIUM = {400: "TitilliumWeb_400Regular.ttf", 700: "TitilliumWeb_700Bold.ttf"}
DEJAVU = {400: "DejaVuSans.ttf", 700: "DejaVuSans-Bold.ttf"}
TEXT = (
    "Acqua sospesa lunedì in via Flaminia: autobotti in piazza dalle 9 alle 15. Non bevete e non "
    "usate per cucinare l’acqua del rubinetto fino a nuovo avviso. Le scuole restano chiuse per "
    "l’allerta meteo arancione. Iscriviti al canale ufficiale del Comune di Cremona: ti avvisiamo "
    "qui. Concerto di Natale nella sala del Ponchielli, ingresso libero fino a esaurimento dei "
    "posti. Entro il 16 dicembre le domande per il contributo affitti."
)
# The widths of the text in fonts that are not in this tree, in thousandths of an em per character
# and by weight: Arimo 1.33, which has Arial's widths, and Roboto 3.
ELSEWHERE = {"Arial": {400: 429.1, 700: 462.5}, "Roboto": {400: 428.6, 700: 435.8}}


def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), 1000, layout_engine=ImageFont.Layout.BASIC)


def _titillium(weight: int) -> ImageFont.FreeTypeFont:
    return _font(ROOT / "canale/static/fonts" / TITILLIUM[weight])


def _width(font: ImageFont.FreeTypeFont) -> float:
    return sum(font.getlength(letter) for letter in TEXT) / len(TEXT)


def _width_of(family: str, weight: int) -> float:
    if family in ELSEWHERE:
        return ELSEWHERE[family][weight]
    return _width(_font(ROOT / "frontend/node_modules/dejavu-fonts-ttf/ttf" / DEJAVU[weight]))


@pytest.mark.parametrize("sheet", ["public.css", "newsroom.css"])
@pytest.mark.parametrize("weight", [400, 700])
@pytest.mark.parametrize("family", ["Arial", "Roboto", "DejaVu"])
def test_fallback_font_has_the_widths_and_heights_of_the_real_one(
    sheet: str, family: str, weight: int
) -> None:
    css = (ROOT / "canale/static" / sheet).read_text()
    (face,) = (
        rule
        for rule in re.findall(r"@font-face{([^}]*)}", css)
        if f"{family} as Titillium;" in rule and f"font-weight:{weight}" in rule
    )
    values = dict(re.findall(r"([a-z-]+):([\d.]+)%", face))
    size = float(values["size-adjust"])
    real = _titillium(weight)
    assert size == pytest.approx(100 * _width(real) / _width_of(family, weight), abs=0.1)
    # The overrides are shares of the adjusted size: https://www.w3.org/TR/css-fonts-5/#size-adjust-desc
    heights = [float(values[f"{name}-override"]) * size / 1000 for name in ("ascent", "descent")]
    assert heights == pytest.approx([part / 100 for part in real.getmetrics()], abs=0.1)
    assert float(values["line-gap-override"]) == 0
