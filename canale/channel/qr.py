# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""QR codes (ISO/IEC 18004) that a phone reads from a poster across the street."""

from __future__ import annotations

import io

import segno

# Quiet zone, in modules: the standard's own minimum.
QUIET_ZONE = 4


def qr_svg(url: str) -> bytes:
    """Scales to any size; black on white also where the page is dark."""
    return _saved(url, "svg", scale=8, dark="#000", light="#fff", omitsize=True)


def qr_png(url: str, scale: int = 16) -> bytes:
    """``scale`` is the pixels a module."""
    return _saved(url, "png", scale=scale)


def _saved(url: str, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    # Level M survives a scratch or a fold; more would make the modules smaller.
    code = segno.make_qr(url, error="m")
    code.save(out, kind=kind, border=QUIET_ZONE, **options)
    return out.getvalue()
