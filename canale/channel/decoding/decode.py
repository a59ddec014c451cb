# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the bytes of a file to upright pixels in sRGB, not much larger than needed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from math import ceil

from PIL import AvifImagePlugin, Image, ImageChops, ImageFile

from canale.channel.decoding.avif import read_avif
from canale.channel.decoding.colour import alpha_except, coloured, eight_bits, srgb
from canale.channel.decoding.containers import UPRIGHT, Container, orientation
from canale.channel.decoding.jpeg import SIGNATURE as JPEG
from canale.channel.decoding.jpeg import read_jpeg
from canale.channel.decoding.png import SIGNATURE as PNG
from canale.channel.decoding.png import read_png

MAX_PIXELS = 50_000_000
# No SVG and no PDF: they are programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_KNOWN = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP|GIF8[79]a|.{4}ftypavi[fs]", re.DOTALL
)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Rows of the result that are made at a time: a converted copy of the whole would double the memory.
ROWS = 64
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
SIDEWAYS = range(5, 9)
Box = tuple[int, int, int, int]


class UnknownFormatError(Exception):
    """The file is of none of FORMATS."""


class TooManyPixelsError(Exception):
    """The picture has more than MAX_PIXELS."""


def decode(data: bytes, reduction: Callable[[int, int], float]) -> Image.Image:
    """The first picture of a file as RGB or RGBA, upright, in sRGB.

    ``reduction`` says how many times smaller than its upright width and height a picture will be
    shown: of a large one no more is decoded than that needs. Raises UnknownFormatError,
    TooManyPixelsError, containers.BrokenFileError, containers.TooComplexError, and whatever
    decoders raise for damaged files.
    """
    if not _KNOWN.match(data):
        raise UnknownFormatError
    container = _container(data)
    opened = Image.open(io.BytesIO(container.data), formats=FORMATS)
    if opened.width * opened.height > MAX_PIXELS:
        raise TooManyPixelsError
    profile = opened.info.get("icc_profile") or container.profile
    turn, whole = container.orientation, opened.width
    if opened.format == "AVIF":
        # Pillow says it as if it had been EXIF.
        turn = orientation(opened.info.get("exif", b"").removeprefix(b"Exif\0\0"))
    times = reduction(*(opened.size[::-1] if turn in SIDEWAYS else opened.size))
    if opened.format == "JPEG" and times > 1:
        # At a half, a quarter or an eighth, which saves time and memory.
        opened.draft(None, (ceil(opened.width / times), ceil(opened.height / times)))
    loaded = _loaded(opened)
    pixels = _Pixels(container, loaded)
    picture = pixels.reduced(int(times * loaded.width / whole / 2))
    picture = srgb(coloured(picture, profile) if opened.format == "PNG" else picture, profile)
    picture = picture if turn == UPRIGHT else picture.transpose(TURNS[turn])
    picture.info.clear()
    return picture


def _container(data: bytes) -> Container:
    if data.startswith(JPEG):
        return read_jpeg(data)
    if data.startswith(PNG):
        return read_png(data)
    return read_avif(data) if data[4:8] == b"ftyp" else Container(data)


def _loaded(opened: ImageFile.ImageFile) -> Image.Image:
    """The first picture; of a GIF, nothing is seen where it leaves the screen uncovered."""
    extents = opened.tile[0].extents if opened.tile else None
    opened.load()
    if opened.format != "GIF" or extents in (None, (0, 0, *opened.size)):
        return opened
    screen = Image.new("RGBA", opened.size)
    screen.paste(opened.crop(extents).convert("RGBA"), extents)
    return screen


class _Pixels:
    """A loaded picture, and the colour of it that is transparent."""

    def __init__(self, container: Container, opened: Image.Image) -> None:
        self._opened = opened
        self._lower: Image.Image | None = None
        self._colour, self._colour_below = container.transparent, tuple[int, ...]()
        if container.transparent is None:
            return
        if opened.mode != "RGB":
            # Grey of one, two and four bits has been scaled to eight.
            top = 2 ** min(container.depth, 8) - 1
            scale = 1 if container.depth == 16 else 255 // top
            self._colour = tuple(sample * scale for sample in container.transparent)
        elif container.depth == 16:
            # Pillow keeps the upper half of 16 bits; the lower half is decoded beside it.
            lower = Image.open(io.BytesIO(container.data), formats=("PNG",))
            lower.tile = [tile._replace(args="RGB;16L") for tile in lower.tile]
            lower.load()
            self._lower = lower
            self._colour = tuple(sample >> 8 for sample in container.transparent)
            self._colour_below = tuple(sample & 255 for sample in container.transparent)

    def reduced(self, factor: int) -> Image.Image:
        """The picture with eight bits a sample, made smaller by a whole number."""
        width, height = self._opened.size
        if factor < 2:
            return self._part((0, 0, width, height))
        parts = []
        for top in range(0, height, ROWS * factor):
            part = self._part((0, top, width, min(height, top + ROWS * factor)))
            # The colour of what is transparent must not run into the rest.
            premultiplied = part.convert(PREMULTIPLIED.get(part.mode, part.mode))
            parts.append(premultiplied.reduce(factor).convert(part.mode))
        whole = Image.new(parts[0].mode, (parts[0].width, sum(part.height for part in parts)))
        for number, part in enumerate(parts):
            whole.paste(part, (0, number * ROWS))
        return whole

    def _part(self, box: Box) -> Image.Image:
        part = self._opened.crop(box)
        picture = eight_bits(part)
        if self._colour is not None:
            alpha = alpha_except(part, self._colour)
            if self._lower is not None:
                below = alpha_except(self._lower.crop(box), self._colour_below)
                alpha = ImageChops.lighter(alpha, below)
            picture.putalpha(alpha)
        return picture
