# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pixels of any kind become eight bits of sRGB."""

from __future__ import annotations

import io
from functools import reduce

from PIL import Image, ImageChops, ImageCms

# Modes that can be made smaller, and to which an ICC profile applies.
OPAQUE_MODES, ALPHA_MODES = ("L", "RGB", "CMYK"), ("LA", "RGBA")
OPAQUE, CLEAR = 255, 0
SIXTEEN_BITS = range(2**16)


def eight_bits(picture: Image.Image) -> Image.Image:
    """Convert any mode of our formats to L, LA, RGB, RGBA or CMYK."""
    if picture.mode in ALPHA_MODES:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode.startswith("I"):
        # Pillow would clip 16-bit samples at 255: a grey picture would come out white.
        return picture.convert("I").point([value // 256 for value in SIXTEEN_BITS], "L")
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in OPAQUE_MODES else picture.convert("RGB")


def alpha_except(picture: Image.Image, samples: tuple[int, ...]) -> Image.Image:
    """An alpha channel that is clear where each band of ``picture`` equals its sample."""
    wide = picture.mode.startswith("I")
    if wide or picture.mode == "1":
        picture = picture.convert("I" if wide else "L")
    values = SIXTEEN_BITS if wide else range(256)
    alphas = (
        band.point([CLEAR if value == sample else OPAQUE for value in values], "L")
        for band, sample in zip(picture.split(), samples, strict=True)
    )
    return reduce(ImageChops.lighter, alphas)


def coloured(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a grey picture to RGB if its profile is for RGB, as a PNG's may be."""
    if not profile or profile[16:20] != b"RGB ":
        return picture
    return picture.convert({"L": "RGB", "LA": "RGBA"}.get(picture.mode, picture.mode))


def srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert from an ICC profile to sRGB, as RGB or RGBA.

    A profile that is damaged or for other colours is ignored: the picture's colours are then
    slightly off.
    """
    mode = "RGBA" if picture.mode in ALPHA_MODES else "RGB"
    if not profile:
        return picture.convert(mode)
    alpha = picture.getchannel("A") if mode == "RGBA" else None
    colours = picture.convert({"LA": "L", "RGBA": "RGB"}.get(picture.mode, picture.mode))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(colours, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, ValueError, OSError):
        return picture.convert(mode)
    if converted is None:
        return picture.convert(mode)
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
