# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demonstration's pictures: SVG drawn by us, with words in Titillium Web."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typst

from canale.channel.fonts import FONTS

PICTURES = Path(__file__).with_name("demo_pictures")
ARMS = "arms"
"""The coat of arms of a city that does not exist."""
# One pixel for each unit of an SVG, as in CSS.
PIXELS_PER_INCH = 96


def draw_pictures(names: Sequence[str]) -> dict[str, bytes]:
    """Return pictures as PNG, by their names: the files in demo_pictures without ``.svg``."""
    compiler = typst.Compiler(
        str(PICTURES / "pages.typ"),
        root=str(PICTURES),
        font_paths=[str(FONTS)],
        sys_inputs={"names": " ".join(names)},
    )
    drawn = compiler.compile(format="png", ppi=PIXELS_PER_INCH)
    pages = drawn if isinstance(drawn, list) else [drawn or b""]
    return dict(zip(names, pages, strict=True))
