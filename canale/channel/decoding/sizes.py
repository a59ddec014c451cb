# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sizes in which a picture is kept."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

SMALL, LARGE, SHARE = 480, 1600, 1200
# Some messengers show no preview of a larger picture.
MAX_SHARE_BYTES = 300_000
SHARE_QUALITIES = (82, 74, 66, 58, 50)
AVATAR_SIZES = (64, 192, 512)
# 96 pixels of a page, on a screen with three for each.
PREVIEW_SIZE = 288
# The middle 80 % of a maskable icon is safe: https://www.w3.org/TR/appmanifest/#icon-masks
SAFE = 0.8
WHITE = (255, 255, 255)
# How Pillow writes each format.
WRITING: dict[str, dict[str, Any]] = {
    "WEBP": {"quality": 80, "method": 4},
    "JPEG": {"progressive": True, "optimize": True},
    "PNG": {"optimize": True},
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One size, encoded."""

    name: str
    mime: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """The picture as it will be shown; ``width`` and ``height`` are of its largest variant."""

    width: int
    height: int
    variants: tuple[Variant, ...]


class TooSmallError(Exception):
    """A picture with fewer pixels than the smallest avatar: an icon, or a counter's one pixel."""


def image_reduction(width: int, height: int) -> float:
    """How many times smaller than ``width`` and ``height`` the largest size will be."""
    return max(1.0, width / LARGE, height / (2 * LARGE))


def image_sizes(picture: Image.Image) -> list[Variant]:
    """``small`` and ``large`` (WebP), and ``share`` (JPEG, for notifications and link previews)."""
    large = _within(picture, LARGE, 2 * LARGE)
    small = _within(large, SMALL, 2 * SMALL)
    return [_encoded("small", small, "WEBP"), _encoded("large", large, "WEBP"), share_size(large)]


def avatar_reduction(width: int, height: int) -> float:
    """Like `image_reduction`, for an avatar."""
    return max(1.0, min(width, height) / AVATAR_SIZES[-1])


def avatar_sizes(picture: Image.Image) -> list[Variant]:
    """The middle square in AVATAR_SIZES, and ``maskable``. Raises TooSmallError."""
    if min(picture.size) < AVATAR_SIZES[0]:
        raise TooSmallError
    whole = _square(_on_white(picture), AVATAR_SIZES[-1])
    variants = [_encoded(str(side), _square(whole, side), "PNG") for side in AVATAR_SIZES]
    # The colour of its corner goes on around the picture.
    corner = whole.getpixel((0, 0))
    ground = Image.new("RGB", whole.size, corner if isinstance(corner, tuple) else WHITE)
    inner = round(AVATAR_SIZES[-1] * SAFE)
    ground.paste(_square(whole, inner), ((AVATAR_SIZES[-1] - inner) // 2,) * 2)
    return [*variants, _encoded("maskable", ground, "PNG")]


def preview_reduction(width: int, height: int) -> float:
    """Like `image_reduction`, for the preview of a link."""
    return max(1.0, min(width, height) / PREVIEW_SIZE)


def preview_sizes(picture: Image.Image) -> list[Variant]:
    """The middle square, ``preview`` (WebP), never enlarged. Raises TooSmallError."""
    side = min(PREVIEW_SIZE, *picture.size)
    if side < AVATAR_SIZES[0]:
        raise TooSmallError
    return [_encoded("preview", _square(_on_white(picture), side), "WEBP")]


def _within(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Not larger than that; never enlarged."""
    copy = picture.copy()
    copy.thumbnail((width, height), Image.Resampling.LANCZOS)
    return copy


def share_size(picture: Image.Image) -> Variant:
    """A JPEG on white below MAX_SHARE_BYTES, at most SHARE wide and high.

    A picture more than twice as high as wide, which no preview shows whole, loses its foot.
    """
    top = picture.crop((0, 0, picture.width, min(picture.height, 2 * picture.width)))
    shown = _within(_on_white(top), SHARE, SHARE)
    while True:
        for quality in SHARE_QUALITIES:
            variant = _encoded("share", shown, "JPEG", quality=quality)
            if len(variant.data) < MAX_SHARE_BYTES:
                return variant
        shown = _within(shown, shown.width * 4 // 5, shown.height * 4 // 5)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _square(picture: Image.Image, side: int) -> Image.Image:
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


def _encoded(name: str, picture: Image.Image, kind: str, **options: object) -> Variant:
    out = io.BytesIO()
    picture.save(out, kind, **WRITING[kind], **options)
    return Variant(name, f"image/{kind.lower()}", picture.width, picture.height, out.getvalue())
