# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A channel without a picture gets its initials, in the letters of every language of Europe."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from PIL import Image

from canale.channel.avatar_drawing import draw_avatar
from canale.channel.colours import palette
from canale.channel.fonts import BOLD, EUROPEAN, FONTS, REGULAR, font_with, has

# The capital letters of the languages of Europe; Georgian has none.
LETTERS = {
    "Latin": "AÀÁÂÃÄÅĀĂĄÆBCÇĆĈĊČDÐĎĐEÈÉÊËĒĔĖĘĚFGĜĞĠĢHĤĦIÌÍÎÏĨĪĮİĲJĴKĶLĹĻĽŁMNÑŃŅŇŊOÒÓÔÕÖØŌŐŒPQRŔŖŘ"
    "SŚŜŞŠȘTŢŤŦȚUÙÚÛÜŨŪŬŮŰŲVWŴẀẂẄXYÝŶŸỲZŹŻŽÞƏẞ",
    "Greek": "ΑΆΒΓΔΕΈΖΗΉΘΙΊΪΚΛΜΝΞΟΌΠΡΣΤΥΎΫΦΧΨΩΏ",
    "Cyrillic": "АБВГҐЃДЂЕЀЁЄЖЗЅИЍІЇЙЈКЌЛЉМНЊОПРСТЋУЎФХЦЧЏШЩЪЫЬЭЮЯ",
    "Georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "Armenian": "ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ",
    "digits": "0123456789",
}


def shown(name: str) -> Image.Image:
    variants = draw_avatar(name).variants
    assert {variant.name for variant in variants} == {"64", "192", "512", "maskable"}
    data = next(variant.data for variant in variants if variant.name == "512")
    return Image.open(io.BytesIO(data)).convert("L")


def test_the_fonts_are_there() -> None:
    for name in (REGULAR, BOLD, EUROPEAN):
        assert (FONTS / name).exists()


@pytest.mark.parametrize("script", LETTERS)
def test_every_european_letter_has_a_glyph(script: str) -> None:
    boxes = [letter for letter in LETTERS[script] if font_with(letter, 32) is None]
    assert boxes == []


def test_missing_glyph_is_detected() -> None:
    assert has(BOLD, "È")
    assert not has(BOLD, "Ж")
    assert has(EUROPEAN, "Ж")
    assert font_with("東", 32) is None


@pytest.mark.parametrize("name", ["Občina Števerjan", "Èboli", "Щёкино Ющево", "Wörth Würzburg"])
def test_letters_are_centred_in_the_circle(name: str) -> None:
    picture = shown(name)
    ground = picture.getpixel((0, 0))
    left, top, right, bottom = picture.point(lambda value: 255 * (value > ground + 90)).getbbox()
    assert abs((left + right) - 512) < 12
    assert abs((top + bottom) - 512) < 12
    assert 512 * 0.1 < right - left < 512 * 0.71


def test_different_letters_look_different() -> None:
    """A font that lacks them would draw the same box for each."""
    pictures = {shown(letter).tobytes() for letter in "ŠŽČĐΩЖთԵ"}
    assert len(pictures) == 8


@pytest.mark.parametrize("name", ["", "🏛️", "東京都"])
def test_name_without_known_letters_gets_a_town_hall_icon(name: str) -> None:
    picture = shown(name)
    ground = picture.getpixel((0, 0))
    columns = [picture.getpixel((x, 280)) > ground + 60 for x in range(512)]
    starts = sum(now and not before for before, now in pairwise(columns))
    assert starts == 5


def test_every_size_has_the_ground_of_the_band() -> None:
    band = tuple(bytes.fromhex(palette("#ffd700").light.band[1:]))
    for variant in draw_avatar("Comune di Modena", "#ffd700").variants:
        picture = Image.open(io.BytesIO(variant.data)).convert("RGB")
        assert {picture.getpixel((x, x)) for x in (0, picture.width - 1)} == {band}
