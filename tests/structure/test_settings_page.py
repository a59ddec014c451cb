# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/settings.md says what canale/core/settings.py does, and nothing reads settings past it."""

from __future__ import annotations

import re
from pathlib import Path

from canale.core.settings import options, table
from tests.structure.repository import files, text


def test_settings_page_is_current() -> None:
    page = text(Path("docs/settings.md"))
    rows = page.split("|---|---|---|---|\n")[1]
    assert rows == table(), "run bin/docs-settings"


def test_every_variable_named_in_docs_exists() -> None:
    known = {name + ending for name in options() for ending in ("", "_FILE")}
    named = {
        name
        for path in files(".md")
        for name in re.findall(r"\bCANALE_[A-Z_]*[A-Z]\b(?!…)", text(path))
    }
    assert named - known == set()


def test_only_the_settings_module_reads_settings() -> None:
    read = re.compile(r"(environ\[|environ\.\w+\(|getenv\()\s*f?[\"']CANALE_")
    readers = [
        str(path)
        for path in files(".py")
        if path.parts[0] == "canale"
        and path != Path("canale/core/settings.py")
        and read.search(text(path))
    ]
    assert readers == []
