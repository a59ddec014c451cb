# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""JPEG files (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from canale.channel.decoding.containers import (
    UPRIGHT,
    BrokenFileError,
    Container,
    TooComplexError,
    orientation,
)

SIGNATURE = b"\xff\xd8\xff"
# A progressive JPEG from a camera or a program has about ten; each costs a pass over all pixels.
MAX_SCANS = 100
# Segments before the first scan: large profiles and metadata take a few hundred.
MAX_SEGMENTS = 10_000
START_OF_SCAN, END = 0xDA, 0xD9
JFIF, EXIF, ICC, ADOBE, COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
APPLICATION = range(0xE0, 0xF0)
# Between scans: a marker that is neither a stuffed byte nor a restart.
# Fill bytes (FF) in front of it are not scanned repeatedly: the marker's own FF is enough.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_FILL = re.compile(rb"\xff*")


def read_jpeg(data: bytes) -> Container:
    """Reduce a file to what its pixels need. Raises BrokenFileError, TooComplexError."""
    kept, profile, turned, scans = [data[:2]], dict[int, bytes](), UPRIGHT, len(data)
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker == START_OF_SCAN:
            scans = start
            break
        if marker == EXIF and body.startswith(b"Exif\0\0") and turned == UPRIGHT:
            turned = orientation(body[6:])
        if marker == ICC and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile[body[12]] = body[14:]
        if marker in (JFIF, ADOBE) or (marker not in APPLICATION and marker != COMMENT):
            kept.append(data[start:end])
    kept.append(_scans(data, scans))
    joined = b"".join(profile[number] for number in sorted(profile))
    return Container(b"".join(kept), turned, joined or None)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker with its start and end, up to the first scan."""
    place, segments = 2, 0
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise BrokenFileError
        marker = data[place + 1]
        if marker == 0xFF:
            fill = _FILL.match(data, place)
            place = fill.end() - 1 if fill else len(data)
            continue
        segments += 1
        if segments > MAX_SEGMENTS:
            raise TooComplexError
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if length < 2 or marker == END:
            raise BrokenFileError
        yield marker, place, place + 2 + length
        place += 2 + length
    raise BrokenFileError


def _scans(data: bytes, place: int) -> bytes:
    """Return the scans, up to the end of the image: a phone's file may contain another after it."""
    start, scans = place, 0
    while found := _MARKER.search(data, place):
        marker = found[1][0]
        if marker == END:
            return data[start : found.end()]
        scans += marker == START_OF_SCAN
        if scans > MAX_SCANS:
            raise TooComplexError
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        place = found.end() + length
    return data[start:]
