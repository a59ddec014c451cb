# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""AVIF files (https://aomediacodec.github.io/av1-avif/)."""

from __future__ import annotations

import re

from canale.channel.decoding.containers import Container
from canale.channel.decoding.profiles import coded_profile

# The Exif entry in a file's list of items. The orientation is stored elsewhere (irot, imir), and
# Pillow would fail on damaged Exif.
_EXIF_ITEM = re.compile(rb"(infe[\x02\x03].{3}(?:.{4}|.{6}))Exif", re.DOTALL)
_COLOURS = re.compile(rb"colrnclx\0(.)\0(.)", re.DOTALL)


def read_avif(data: bytes) -> Container:
    colours = _COLOURS.search(data)
    profile = coded_profile(colours[1][0], colours[2][0]) if colours else None
    return Container(_EXIF_ITEM.sub(rb"\1skip", data), profile=profile)
