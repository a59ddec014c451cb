# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads are decoded and made anew; hostile ones are refused with a reason."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from PIL import Image

from canale.channel.images import (
    LARGEST_BYTES,
    ImageRefused,
    draw_avatar,
    prepare_avatar,
    prepare_image,
)


def picture(kind: str = "JPEG", size: tuple[int, int] = (2400, 1200), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#0066cc").save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_an_image_becomes_three_sizes() -> None:
    prepared = prepare_image(picture())
    sizes = {variant.name: (variant.width, variant.mime) for variant in prepared.variants}
    assert sizes == {
        "small": (480, "image/webp"),
        "large": (1600, "image/webp"),
        "share": (1200, "image/jpeg"),
    }
    assert (prepared.width, prepared.height) == (1600, 800)
    for variant in prepared.variants:
        assert opened(variant.data).size == (variant.width, variant.height)


def test_a_small_image_is_not_enlarged() -> None:
    assert prepare_image(picture(size=(300, 200))).width == 300


def test_sixteen_bits_of_grey_stay_grey() -> None:
    out = io.BytesIO()
    Image.new("I;16", (64, 64), 30_000).save(out, "PNG")
    shown = opened(prepare_image(out.getvalue()).variants[1].data).convert("L")
    assert abs(shown.getpixel((5, 5)) - 30_000 // 256) < 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_other_formats_are_taken(kind: str) -> None:
    assert prepare_image(picture(kind)).width == 1600


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned by 90°.
    exif[0x010F] = "A phone of somebody"
    exif.get_ifd(0x8825)[2] = (45.0, 8.0, 0.0)
    prepared = prepare_image(picture(exif=exif.tobytes(), comment=b"secret words"))
    assert prepared.width < prepared.height
    for variant in prepared.variants:
        assert b"somebody" not in variant.data
        assert b"secret words" not in variant.data
        assert not opened(variant.data).getexif()


def bomb() -> bytes:
    """A PNG of few bytes that says to be 60,000 pixels wide and high."""

    def chunk(name: bytes, body: bytes) -> bytes:
        named = name + body
        return struct.pack(">I", len(body)) + named + struct.pack(">I", zlib.crc32(named))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unknown-format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown-format"),
        (b"%PDF-1.7", "unknown-format"),
        (picture()[:900], "broken"),
        (bomb(), "too-large"),
        (b"x" * (LARGEST_BYTES + 1), "too-heavy"),
    ],
    ids=["nothing", "svg", "pdf", "cut", "bomb", "heavy"],
)
def test_hostile_uploads_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        prepare_image(data)
    assert refused.value.code == code
    assert refused.value.message


def test_a_damaged_picture_of_any_format_is_refused() -> None:
    """libavif's errors, unlike the other decoders', are RuntimeErrors."""
    out = io.BytesIO()
    Image.effect_mandelbrot((90, 70), (-2, -1, 1, 1), 60).convert("RGB").save(out, "AVIF")
    whole = out.getvalue()
    for place in range(len(whole) // 2, len(whole)):
        damaged = whole[:place] + bytes(len(whole) - place)
        with contextlib.suppress(ImageRefused):
            prepare_image(damaged)


def test_an_avatar_is_a_square_in_all_sizes() -> None:
    for prepared in (prepare_avatar(picture()), draw_avatar("Comune di Cremona")):
        sizes = {variant.name: opened(variant.data).size for variant in prepared.variants}
        square = {"64": 64, "192": 192, "512": 512, "maskable": 512}
        assert sizes == {name: (side, side) for name, side in square.items()}
        assert {variant.mime for variant in prepared.variants} == {"image/png"}


def test_a_tiny_avatar_is_refused() -> None:
    with pytest.raises(ImageRefused):
        prepare_avatar(picture(size=(20, 20)))


@pytest.mark.parametrize("name", ["", "X", "Comune di Cremona", "東京都", "🏛️"])
def test_any_name_has_a_drawn_avatar(name: str) -> None:
    assert len(draw_avatar(name).variants) == 4
