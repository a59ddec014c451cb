# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shades of a city's colour: computed, so that every text on them can be read.

Contrast is that of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio). Shades differ in
lightness only, in OKLCH (https://www.w3.org/TR/css-color-4/#ok-lab), where the eye sees one hue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

# Bootstrap Italia's own blue: the style sheets have its shades (frontend/styles/_tokens.scss).
DEFAULT_COLOUR = "#0066cc"
COLOUR = "#[0-9a-f]{6}"
# WCAG 2.2, 1.4.3 and 1.4.11: text, and what is no text but has to be seen.
AA_TEXT, AA_NON_TEXT = 4.5, 3.0
WHITE = "#ffffff"
# The grounds and texts of frontend/styles/_tokens.scss on which the shades stand.
LIGHT_GROUND, LIGHT_TEXT = "#f5f5f5", "#17324d"
DARK_GROUND, DARK_SURFACE, DARK_RAISED = "#0d1822", "#182633", "#21344a"
DARK_TEXT, DARK_INK = "#eef3f8", "#06182a"
STEP = 0.005
# More would glow in the dark, and a paler shade would no longer be the city's.
MAX_DARK_CHROMA, MAX_DARK_LIGHTNESS = 0.13, 0.8

Oklch = tuple[float, float, float]
"""Lightness (0 to 1), chroma, hue (radians)."""


@dataclass(frozen=True, slots=True)
class Shades:
    """One theme: the custom properties of _tokens.scss, by their names."""

    primary: str
    primary_strong: str
    on_primary: str
    chosen: str
    raised: str
    tile: str
    link: str
    band: str
    slim: str


@dataclass(frozen=True, slots=True)
class Palette:
    light: Shades
    dark: Shades
    is_darkened: bool
    """The colour itself is too light for white text and for links."""


@lru_cache(maxsize=256)
def palette(colour: str) -> Palette:
    """Return the shades of a colour, written as `COLOUR` says."""
    light = _light(colour)
    return Palette(light, _dark(colour), is_darkened=light.band != colour)


def _light(colour: str) -> Shades:
    """The colour itself where it is dark enough for links on the ground, else a darker shade."""
    lightness, chroma, hue = oklch(colour)
    shade = _readable((lightness, chroma, hue), LIGHT_GROUND, AA_TEXT, -STEP)
    strong = max(oklch(shade)[0] - 0.11, 0)
    return Shades(
        primary=shade,
        primary_strong=_hex((strong, chroma, hue)),
        on_primary=WHITE,
        chosen=_hex((0.9, min(chroma, 0.06), hue)),
        raised=_hex((0.975, min(chroma, 0.012), hue)),
        tile=_hex((0.945, min(chroma, 0.03), hue)),
        link=shade,
        band=shade,
        slim=_hex((strong, chroma, hue)),
    )


def _dark(colour: str) -> Shades:
    lightness, chroma, hue = oklch(colour)
    chroma = min(chroma, MAX_DARK_CHROMA)
    shade = _readable(
        (min(max(lightness, 0.7), MAX_DARK_LIGHTNESS), chroma, hue), DARK_RAISED, AA_TEXT, STEP
    )
    lighter = min(oklch(shade)[0] + 0.08, 1)
    return Shades(
        primary=shade,
        primary_strong=_hex((lighter, chroma, hue)),
        on_primary=DARK_INK,
        chosen=_hex((0.4, min(chroma, 0.09), hue)),
        raised=DARK_RAISED,
        tile=DARK_RAISED,
        link=_hex((lighter, chroma, hue)),
        band=_hex((0.3, min(chroma, 0.08), hue)),
        slim=_hex((0.23, min(chroma, 0.06), hue)),
    )


def _readable(colour: Oklch, ground: str, ratio: float, step: float) -> str:
    """The first shade in the direction of ``step`` that has ``ratio`` against the ground."""
    lightness, chroma, hue = colour
    shade = _hex(colour)
    while contrast(shade, ground) < ratio:
        lightness += step
        shade = _hex((lightness, chroma, hue))
    return shade


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG, from 0 to 1."""
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(colour: str) -> list[float]:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def oklch(colour: str) -> Oklch:
    red, green, blue = _linear(colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _hex(colour: Oklch) -> str:
    """The colour in sRGB, with less chroma where sRGB does not have so much."""
    lightness, chroma, hue = colour
    lightness = min(max(lightness, 0), 1)
    while True:
        channels = _srgb((lightness, chroma, hue))
        if chroma == 0 or all(-0.0005 <= channel <= 1.0005 for channel in channels):
            break
        chroma = chroma * 0.96 if chroma > 0.002 else 0
    return "#" + "".join(f"{round(255 * min(max(channel, 0), 1)):02x}" for channel in channels)


def _srgb(colour: Oklch) -> list[float]:
    """Red, green and blue; outside 0 to 1 where no screen shows the colour."""
    lightness, chroma, hue = colour
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return [c * 12.92 if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in linear]
