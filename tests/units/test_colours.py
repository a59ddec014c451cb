# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every colour that a city chooses gives pages that can be read, in light and in dark."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st

from canale.channel.channels import create_channel
from canale.channel.colours import (
    AA_NON_TEXT,
    AA_TEXT,
    COLOUR,
    DARK_GROUND,
    DARK_RAISED,
    DARK_SURFACE,
    DARK_TEXT,
    LIGHT_GROUND,
    LIGHT_TEXT,
    WHITE,
    Shades,
    contrast,
    luminance,
    oklch,
    palette,
)
from tests.structure.repository import text

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
# The quiet text and the edges of frontend/styles/_tokens.scss.
LIGHT_QUIET, DARK_QUIET, LIGHT_EDGE = "#455b71", "#b7c4d1", "#5c6f82"


def pairs(shades: Shades, grounds: tuple[str, ...], words: tuple[str, ...]) -> dict[str, float]:
    """The contrast of each text on each ground where the style sheets use it."""
    on_band = {"band": shades.band, "slim": shades.slim}
    buttons = {"primary": shades.primary, "primary_strong": shades.primary_strong}
    tinted = {"chosen": shades.chosen, "raised": shades.raised, "tile": shades.tile}
    return (
        {f"white on {name}": contrast(WHITE, ground) for name, ground in on_band.items()}
        | {f"{name}": contrast(shades.on_primary, button) for name, button in buttons.items()}
        | {f"link on {ground}": contrast(shades.link, ground) for ground in grounds}
        | {f"primary on {ground}": contrast(shades.primary, ground) for ground in grounds}
        | {
            f"{word} on {name}": contrast(word, tint)
            for name, tint in tinted.items()
            for word in words
        }
    )


@given(colours)
@example("#ffffff")
@example("#000000")
@example("#ffff00")
@example("#0000ff")
@settings(max_examples=300, deadline=None)
def test_every_pair_of_every_colour_is_readable(colour: str) -> None:
    shades = palette(colour)
    light = (WHITE, LIGHT_GROUND, shades.light.raised)
    dark = (DARK_SURFACE, DARK_GROUND, DARK_RAISED)
    readable = pairs(shades.light, light, (LIGHT_TEXT, LIGHT_QUIET))
    assert {pair: ratio for pair, ratio in readable.items() if ratio < AA_TEXT} == {}
    readable = pairs(shades.dark, dark, (DARK_TEXT, DARK_QUIET))
    assert {pair: ratio for pair, ratio in readable.items() if ratio < AA_TEXT} == {}
    visible = [
        contrast(shades.light.link, shades.light.chosen),
        contrast(shades.dark.link, shades.dark.chosen),
        contrast(LIGHT_EDGE, shades.light.chosen),
        # The button for sharing, with the white veil of :hover over the band.
        contrast(WHITE, _veiled(shades.light.band)),
        contrast(WHITE, _veiled(shades.dark.band)),
    ]
    assert min(visible) >= AA_NON_TEXT


def _veiled(colour: str) -> str:
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * 0.2):02x}" for part in parts)


@given(colours)
@settings(max_examples=100, deadline=None)
def test_colour_dark_enough_is_kept_as_it_is(colour: str) -> None:
    shades = palette(colour)
    is_dark_enough = contrast(colour, LIGHT_GROUND) >= AA_TEXT
    assert shades.is_darkened != is_dark_enough
    assert (shades.light.band == colour) == is_dark_enough
    assert re.fullmatch(COLOUR, shades.light.band)


@pytest.mark.parametrize("colour", ["#ffd700", "#8b0000", "#2e7d32", "#00a3c4", "#c8102e"])
def test_shades_keep_the_hue(colour: str) -> None:
    shades = palette(colour)
    hue = oklch(colour)[2]
    for shade in (shades.light.band, shades.light.slim, shades.dark.primary, shades.dark.link):
        assert abs(oklch(shade)[2] - hue) < 0.12


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert luminance("#ff0000") == pytest.approx(0.2126)


def test_grounds_are_those_of_the_style_sheets() -> None:
    tokens = text("frontend/styles/_tokens.scss")
    for name, value in {
        "ground": DARK_GROUND,
        "surface": DARK_SURFACE,
        "raised": DARK_RAISED,
        "text": DARK_TEXT,
        "quiet": DARK_QUIET,
        "tile": DARK_RAISED,
    }.items():
        assert f"--{name}: {value};" in tokens


@pytest.mark.django_db
def test_pages_and_app_are_in_the_citys_colour() -> None:
    city = create_channel("modena", "Comune di Modena", colour="#FFD700")
    shades = palette("#ffd700")
    page = Client().get("/c/modena/").content.decode()
    light, dark = re.findall(r":root\{(--[^}]*)\}", page)[-2:]
    assert f"--band:{shades.light.band}" in light
    assert f"--band:{shades.dark.band}" in dark
    assert "--alarm" not in light + dark
    themes = re.findall(r'<meta name="theme-color" content="(#\w+)"', page)
    assert themes == [shades.light.slim, shades.dark.slim]
    manifest = Client().get("/c/modena/manifest.webmanifest").json()
    assert manifest["theme_color"] == shades.light.slim
    assert manifest["background_color"] == shades.light.band
    assert manifest["short_name"] == "Modena"
    assert f'id="motif-{city.motif}"' in page
    city.motif, city.short_name = "none", "Mutina"
    city.save()
    assert 'id="motif-' not in Client().get("/c/modena/").content.decode()
    assert Client().get("/c/modena/manifest.webmanifest").json()["short_name"] == "Mutina"
