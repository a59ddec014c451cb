# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""ICC profiles for pictures that name their colours without one (ITU-T H.273, PNG's gAMA)."""

from __future__ import annotations

import struct

# Chromaticities x, y of white, red, green, blue.
Chromaticities = tuple[float, ...]
D65 = (0.3127, 0.3290)
BT709 = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
# Parameters of ICC's parametric curves: g; or g, a, b, c, d.
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
CURVES: dict[int, tuple[float, ...]] = {
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: SRGB_CURVE,
    1: (2.4,),
    14: (2.4,),
    15: (2.4,),
}
# Adapts colours from any white to ICC's, D50, in Bradford's cone space.
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
D50 = (0.9642, 1.0, 0.8249)
Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


def is_known(primaries: int, transfer: int) -> bool:
    """Return False for code points that are ignored, as if the file had none."""
    return primaries in PRIMARIES and transfer in CURVES


def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the profile of coding-independent code points; None for sRGB and unknown ones."""
    if (primaries, transfer) == (1, 13) or not is_known(primaries, transfer):
        return None
    return rgb_profile(PRIMARIES[primaries], CURVES[transfer])


def rgb_profile(chromaticities: Chromaticities, curve: tuple[float, ...]) -> bytes | None:
    """Build a version 4 display profile; None if the primaries span no colours."""
    try:
        red, green, blue = _columns(chromaticities)
    except ZeroDivisionError:
        return None
    kind = 0 if len(curve) == 1 else 3
    tone = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(curve)
    tags = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue), b"wtpt": _xyz(D50)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone)
    place = 128 + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, body in tags.items():
        table += name + struct.pack(">II", place, len(body))
        place += len(body)
    head = struct.pack(">I4xI", place, 0x0420_0000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    head = (head + bytes(28) + _fixed(D50)).ljust(128, b"\0")
    return head + table + b"".join(tags.values())


def _fixed(values: Vector) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _columns(chromaticities: Chromaticities) -> Matrix:
    """Return the XYZ of red, green and blue under D50. Raises ZeroDivisionError."""
    pairs = zip(chromaticities[::2], chromaticities[1::2], strict=True)
    white, *primaries = [(x / y, 1.0, (1 - x - y) / y) for x, y in pairs]
    inverse = _inverse(_turned(tuple(primaries)))
    strengths = _times(inverse, white)
    cones, target = _times(BRADFORD, white), _times(BRADFORD, D50)
    gains = tuple(to / source for to, source in zip(target, cones, strict=True))
    back = _inverse(BRADFORD)
    adapted = []
    for primary, strength in zip(primaries, strengths, strict=True):
        seen = _times(BRADFORD, tuple(value * strength for value in primary))
        scaled = tuple(value * gain for value, gain in zip(seen, gains, strict=True))
        adapted.append(_times(back, scaled))
    return tuple(adapted)


def _turned(rows: Matrix) -> Matrix:
    return tuple(zip(*rows, strict=True))


def _times(matrix: Matrix, vector: Vector) -> Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _inverse(matrix: Matrix) -> Matrix:
    """Return the inverse matrix. Raises ZeroDivisionError if there is none."""
    a, b, c = matrix
    rows = (_cross(b, c), _cross(c, a), _cross(a, b))
    size = sum(x * y for x, y in zip(a, rows[0], strict=True))
    return _turned(tuple(tuple(value / size for value in row) for row in rows))
