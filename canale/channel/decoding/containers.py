# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The parts of an image file that its pixels need, without what else programs wrote into it.

Text, thumbnails and most of EXIF never reach a decoder, so that they cannot make it fail. What is
kept, and how it counts, follows Chromium.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ORIENTATION, SHORT = 0x0112, 3
UPRIGHT = 1


class BrokenFileError(Exception):
    """The structure of a file ends or contradicts itself before its pixels."""


class TooComplexError(Exception):
    """A file that would keep a decoder busy for too long."""


@dataclass(frozen=True, slots=True)
class Container:
    """A file reduced to its pixels, and what changes how they are shown."""

    data: bytes
    orientation: int = UPRIGHT
    """The EXIF orientation, 1 to 8."""
    profile: bytes | None = None
    """An ICC profile; None for what the decoder finds itself."""
    transparent: tuple[int, ...] | None = None
    """The samples of the one colour that is transparent, in a PNG without a palette."""
    depth: int = 8
    """Bits of a sample."""


def orientation(tiff: bytes) -> int:
    """The orientation in EXIF's first directory: one SHORT from 1 to 8, or else upright.

    Nothing else of EXIF is read: phones and programs write much that is wrong there.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, start)
        for place in range(start + 2, start + 2 + 12 * entries, 12):
            *entry, value = struct.unpack_from(order + "HHIH", tiff, place)
            if entry == [ORIENTATION, SHORT, 1]:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT
