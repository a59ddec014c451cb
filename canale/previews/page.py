# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A page's description of itself, read in a process of its own.

Python's parser of HTML keeps a core for three seconds with half a megabyte of ``<b><b><b>…``: in
the worker itself, notifications would wait for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from canale.channel.images import ROOT, bare_environment

CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES = 3, 6, 512 * 2**20
READER = (sys.executable, "-m", "canale.previews.head_reader")


class UnreadablePageError(Exception):
    """The process ended without an answer."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page in its own words, tidied and cut; ``picture`` is an address, as it was written."""

    title: str
    description: str
    picture: str


def read_page(html: bytes, content_type: str) -> Page:
    """Read the head of a page, or of the beginning of one. Raises UnreadablePageError."""
    limits = map(str, (CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES))
    try:
        ended = subprocess.run(
            [*READER, *limits],
            input=content_type.encode("ascii", "replace") + b"\n" + html,
            capture_output=True,
            cwd=ROOT,
            env=bare_environment(),
            timeout=WALL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        raise UnreadablePageError("the page cannot be read") from None
    return Page(**json.loads(ended.stdout))
