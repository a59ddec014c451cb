# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/architecture.md draws the house that stands."""

from __future__ import annotations

import re
from pathlib import Path

from tests.structure.repository import ROOT, text

PAGE = text(Path("docs/architecture.md"))


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`((?:bench|bin|canale|deploy|docs|frontend|tests)/[^`\s]*)`", PAGE)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []
