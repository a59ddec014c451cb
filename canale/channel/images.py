# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads become pictures of ours: decoded, turned upright, stripped, made anew in few sizes."""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import warnings
from dataclasses import dataclass

from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

LARGEST_BYTES = 15 * 2**20
LARGEST_PIXELS = 50_000_000
# No SVG and no PDF: they are programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
# What Pillow's decoders raise for files that are not what they say.
DAMAGED = (
    OSError, ValueError, SyntaxError, ArithmeticError, RuntimeError, EOFError, LookupError,
    TypeError, struct.error,
)  # fmt: skip
# Decoded at a time, in this process: one of 50 million pixels takes several hundred megabytes.
DECODERS = threading.BoundedSemaphore(2)
SMALL, LARGE, SHARE = 480, 1600, 1200
AVATAR_SIZES = (64, 192, 512)
# Of a maskable icon the middle 80 % is safe: https://www.w3.org/TR/appmanifest/#icon-masks
SAFE = 0.8
WHITE = (255, 255, 255)
# Of white text on each, the contrast is above 4.5.
COLOURS = ("#0066cc", "#00596b", "#2d6a2d", "#5c3c92", "#8a3b12", "#9b1b5a", "#17324d", "#455a64")


class ImageRefused(Exception):  # noqa: N818
    """An upload that cannot be used; ``message`` is for the editor, ``code`` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


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


def prepare_image(data: bytes) -> PreparedImage:
    """Sizes ``small``, ``large`` (WebP) and ``share`` (JPEG, for those who preview links).

    Raises ImageRefused.
    """
    with DECODERS:
        # What follows needs no more than the largest size.
        picture = _within(_decoded(data), LARGE)
    large = _webp("large", picture)
    small = _webp("small", _within(picture, SMALL))
    share = _jpeg("share", _within(picture, SHARE))
    return PreparedImage(large.width, large.height, (small, large, share))


def prepare_avatar(data: bytes) -> PreparedImage:
    """The middle square in sizes ``64``, ``192``, ``512`` and ``maskable``. Raises ImageRefused."""
    with DECODERS:
        picture = _decoded(data)
        if min(picture.size) < AVATAR_SIZES[0]:
            message = _("The image is too small: at least %(size)d pixels.")
            raise ImageRefused("too-small", message % {"size": AVATAR_SIZES[0]})
        picture = _square(_flat(picture), AVATAR_SIZES[-1])
    return _avatar(picture)


def draw_avatar(name: str) -> PreparedImage:
    """Initials on a colour that belongs to the name."""
    picks = hashlib.sha256(name.encode()).digest()
    size = AVATAR_SIZES[-1]
    picture = Image.new("RGB", (size, size), COLOURS[picks[0] % len(COLOURS)])
    draw = ImageDraw.Draw(picture)
    initials = _initials(name)
    font = ImageFont.load_default(size * (0.42 if len(initials) > 1 else 0.5))
    draw.text((size / 2, size / 2), initials, fill=WHITE, font=font, anchor="mm")
    return _avatar(picture)


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[:1].isalnum()]
    significant = [word for word in words if len(word) > 3] or words
    return "".join(word[0] for word in significant[:2]).upper() or "?"


def _decoded(data: bytes) -> Image.Image:
    """Upright, in sRGB, without anything but its pixels."""
    if len(data) > LARGEST_BYTES:
        limit = LARGEST_BYTES // 2**20
        raise ImageRefused(
            "too-heavy", _("The file is too heavy: at most %(limit)d MB.") % {"limit": limit}
        )
    try:
        with warnings.catch_warnings():
            # Our own limit, below, is lower than Pillow's warning.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
            if opened.width * opened.height > LARGEST_PIXELS:
                raise _too_large()
            opened.load()
        return _srgb(ImageOps.exif_transpose(opened))
    except UnidentifiedImageError:
        raise ImageRefused(
            "unknown-format", _("This is not an image that we can read: use JPEG, PNG or WebP.")
        ) from None
    except Image.DecompressionBombError:
        raise _too_large() from None
    except DAMAGED:
        raise ImageRefused("broken", _("The image is damaged: save it again and retry.")) from None


def _too_large() -> ImageRefused:
    return ImageRefused("too-large", _("The image has too many pixels: make it smaller."))


def _srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    has_alpha = picture.has_transparency_data
    mode = "RGBA" if has_alpha else "RGB"
    if profile and picture.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode=mode
            )
            picture = converted or picture
        except (ImageCms.PyCMSError, ValueError, OSError):
            # A profile that cannot be used: the colours are a little off, the picture is there.
            pass
    if picture.mode.startswith("I;16"):
        # Pillow would cut 16 bits off at 255: a grey picture would come out white.
        picture = picture.point(lambda value: value / 256).convert("L")
    clean = picture.convert(mode)
    clean.info.clear()
    return clean


def _within(picture: Image.Image, width: int) -> Image.Image:
    """Not wider than ``width`` nor higher than twice that; never enlarged."""
    copy = picture.copy()
    copy.thumbnail((width, width * 2), Image.Resampling.LANCZOS)
    return copy


def _flat(picture: Image.Image) -> Image.Image:
    """On white."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _webp(name: str, picture: Image.Image) -> Variant:
    return _encoded(name, picture, "WEBP", quality=80, method=4)


def _jpeg(name: str, picture: Image.Image) -> Variant:
    return _encoded(name, _flat(picture), "JPEG", quality=82, progressive=True, optimize=True)


def _avatar(picture: Image.Image) -> PreparedImage:
    size = AVATAR_SIZES[-1]
    variants = [
        _encoded(str(side), _square(picture, side), "PNG", optimize=True) for side in AVATAR_SIZES
    ]
    ground = Image.new("RGB", (size, size), _corner(picture))
    inner = round(size * SAFE)
    ground.paste(_square(picture, inner), ((size - inner) // 2,) * 2)
    variants.append(_encoded("maskable", ground, "PNG", optimize=True))
    return PreparedImage(size, size, tuple(variants))


def _square(picture: Image.Image, side: int) -> Image.Image:
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


def _corner(picture: Image.Image) -> tuple[int, ...]:
    """The colour that goes on around the picture."""
    colour = picture.convert("RGB").getpixel((0, 0))
    return colour if isinstance(colour, tuple) else WHITE


def _encoded(name: str, picture: Image.Image, kind: str, **options: object) -> Variant:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return Variant(name, f"image/{kind.lower()}", picture.width, picture.height, out.getvalue())
