# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demonstration's pictures and posts."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import Image

from canale.channel.fonts import BOLD, REGULAR, has
from canale.cli import demo
from canale.cli.demo_drawings import PICTURES, draw_pictures
from canale.cli.demo_posts import POSTS, DemoPost

SVGS = sorted(PICTURES.glob("*.svg"))
MAX_BYTES = 12_000


def test_every_picture_is_drawn_in_its_size() -> None:
    drawn = draw_pictures([path.stem for path in SVGS])
    sizes = {name: Image.open(io.BytesIO(png)).size for name, png in drawn.items()}
    assert sizes.pop("arms") == (512, 512)
    assert set(sizes.values()) == {(1200, 800)}
    assert sizes.keys() == {name for post in POSTS for name, _alt in post.pictures}


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_picture_is_small_and_its_words_are_described(path: Path) -> None:
    svg = path.read_text()
    assert len(svg) <= MAX_BYTES
    alts = [alt for post in POSTS for name, alt in post.pictures if name == path.stem]
    for words in re.findall(r"<text[^>]*>([^<]+)</text>", svg):
        assert all(has(font, char) for font in (REGULAR, BOLD) for char in words)
        said = alts[0].casefold()
        assert all(word in said for word in re.findall(r"\w{3,}", words.casefold())), words


@pytest.mark.parametrize("in_days", range(7))
def test_day_of_a_post_is_one_of_its_weekdays(in_days: int) -> None:
    post = DemoPost(0, 9, "event", "{day}", "", in_days=in_days, weekdays=(5,))
    day = demo._day(post)
    first = timezone.localdate() + timedelta(days=in_days)
    assert day.weekday() == 5
    assert timedelta(0) <= day - first < timedelta(days=7)
