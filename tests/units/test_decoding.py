# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pixels come out of a file upright, in sRGB and as a browser shows them."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, ImageChops, ImageCms

from canale.channel.decoding.decode import decode
from canale.channel.decoding.profiles import coded_profile
from canale.channel.decoding.sizes import image_sizes
from tests.pictures import (
    DISPLAY_P3,
    GREY,
    HEIGHT,
    RGB,
    WIDTH,
    chunk,
    iccp,
    jpeg,
    photo,
    png,
    saved,
    small_frame,
)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_colour_profile_is_applied_and_removed() -> None:
    """Kept, it would be applied a second time to colours that are sRGB already."""
    picture = decode(jpeg(icc_profile=DISPLAY_P3, comment=b"words"), lambda *_: 1.0)
    assert picture.info == {}
    for variant in image_sizes(picture):
        assert "icc_profile" not in opened(variant.data).info


def test_gif_is_transparent_outside_its_frame() -> None:
    left, top = 9, 5
    picture = decode(small_frame(left, top), lambda *_: 1.0)
    assert (picture.mode, picture.size) == ("RGBA", (2 * WIDTH, 2 * HEIGHT))
    frame = (left, top, left + WIDTH, top + HEIGHT)
    assert picture.getchannel("A").getbbox() == frame
    shown = opened(saved(photo().quantize(64), "GIF")).convert("RGBA")
    assert ImageChops.difference(picture.crop(frame), shown).getbbox(alpha_only=False) is None


# The published colorants under D50: red, green and blue.
COLORANTS = {
    (1, 4): ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)),
    (9, 13): ((0.6735, 0.2790, -0.0019), (0.1657, 0.6753, 0.0300), (0.1251, 0.0456, 0.7969)),
    (12, 13): ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
}


@pytest.mark.parametrize("codes", COLORANTS)
def test_cicp_code_points_give_the_published_profile(codes: tuple[int, int]) -> None:
    made = coded_profile(*codes)
    assert made is not None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(made)).profile
    colorants = (profile.red_colorant, profile.green_colorant, profile.blue_colorant)
    for colorant, published in zip(colorants, COLORANTS[codes], strict=True):
        assert colorant[0] == pytest.approx(published, abs=0.0005)


def test_cicp_code_points_override_a_profile() -> None:
    coded, profile = chunk(b"cICP", bytes((1, 13, 0, 1))), iccp(DISPLAY_P3)
    plain, both, other = (
        decode(png(8, RGB, *chunks), lambda *_: 1.0).tobytes()
        for chunks in ((), (profile, coded), (profile,))
    )
    assert both == plain != other


def test_gamma_is_applied_to_grey_images() -> None:
    rows = [bytes([128]) * WIDTH] * HEIGHT
    linear = png(8, GREY, chunk(b"gAMA", struct.pack(">I", 100_000)), rows=rows)
    assert decode(linear, lambda *_: 1.0).getpixel((5, 5)) == (188, 188, 188)
    assert decode(png(8, GREY, rows=rows), lambda *_: 1.0).getpixel((5, 5)) == (128, 128, 128)
