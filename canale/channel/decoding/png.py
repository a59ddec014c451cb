# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""PNG files (https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from canale.channel.decoding.containers import (
    BrokenFileError,
    Container,
    TooComplexError,
    orientation,
)
from canale.channel.decoding.profiles import BT709, coded_profile, is_known, rgb_profile

END = b"\0\0\0\0IEND\xaeB`\x82"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Programs cut the pixels into pieces of 8 KB and more.
MAX_CHUNKS = 100_000
MAX_PROFILE_BYTES = 4 * 2**20
FULL_RANGE_RGB = b"\0\1"
# The unit of the numbers in gAMA and cHRM.
UNIT = 100_000
# How tRNS names the colour that is transparent, by colour type: grey, RGB. Pillow compares it with
# samples that it has scaled to eight bits, so it never sees it.
SAMPLES = {0: ">H", 2: ">HHH"}


def read_png(data: bytes) -> Container:
    """Without what the pixels do not need, however large or damaged it is.

    Raises BrokenFileError, TooComplexError.
    """
    kept, known = [SIGNATURE], dict[bytes, bytes]()
    for name, body, chunk in _chunks(data):
        if name[0] & 0x20 == 0:
            # Critical; the decoder checks its checksum.
            kept.append(chunk)
            known.setdefault(name, body)
        elif b"IDAT" not in known and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big"):
            # Chromium, too, passes over one that comes late or has a wrong checksum.
            known.setdefault(name, body)
            kept += [chunk] if name == b"tRNS" else []
    depth, colour_type = _header(known.get(b"IHDR", b""))
    transparent = None
    if colour_type in SAMPLES:
        kept = [chunk for chunk in kept if chunk[4:8] != b"tRNS"]
        layout, samples = SAMPLES[colour_type], known.get(b"tRNS", b"")
        if len(samples) == struct.calcsize(layout):
            transparent = struct.unpack(layout, samples)
    return Container(
        b"".join(kept),
        orientation(known.get(b"eXIf", b"")),
        _profile(known),
        transparent,
        depth,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, content and the whole of each chunk, up to IEND, which may be missing."""
    place, chunks = len(SIGNATURE), 0
    while place + 12 <= len(data):
        chunks += 1
        if chunks > MAX_CHUNKS:
            raise TooComplexError
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        name = data[place + 4 : place + 8]
        if end > len(data):
            break
        yield name, data[place + 8 : end - 4], data[place:end]
        if name == b"IEND":
            return
        place = end
    # The decoder notices missing pixels.
    yield b"IEND", b"", END


def _header(body: bytes) -> tuple[int, int]:
    """Bits of a sample, and colour type."""
    if len(body) != 13:
        raise BrokenFileError
    return body[8], body[9]


def _profile(known: dict[bytes, bytes]) -> bytes | None:
    """The colours that a file names, in PNG's order of precedence; None for sRGB."""
    coded = known.get(b"cICP", b"")
    # Chromium passes over samples of video, whose black is not 0.
    if len(coded) == 4 and coded[2:] == FULL_RANGE_RGB and is_known(coded[0], coded[1]):
        return coded_profile(coded[0], coded[1])
    if b"iCCP" in known:
        return _unpacked(known[b"iCCP"])
    gamma = known.get(b"gAMA", b"")
    if b"sRGB" in known or len(gamma) != 4 or not any(gamma):
        return None
    primaries = known.get(b"cHRM", b"")
    chromaticities = struct.unpack(">8I", primaries) if len(primaries) == 32 else ()
    exponent = UNIT / int.from_bytes(gamma, "big")
    return rgb_profile(tuple(value / UNIT for value in chromaticities) or BT709, (exponent,))


def _unpacked(body: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a zero, the method (0), a zlib stream."""
    _, _, packed = body.partition(b"\0")
    if packed[:1] != b"\0":
        return None
    unpacking = zlib.decompressobj()
    try:
        profile = unpacking.decompress(packed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unpacking.eof else None
