# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Makefile only names scripts, and every script says what it is for and stops at an error."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.structure.repository import ROOT, files, text

SCRIPTS = [
    path for path in files() if path.parts[0] in {"bin", ".ci"} or path == Path("deploy/canale")
]


def test_makefile_only_names_scripts() -> None:
    recipes = re.findall(r"^(\w+):\s*;\s*@?(.+)$", text(Path("Makefile")), re.MULTILINE)
    assert {"serve", "test", "demo", "lint"} <= {target for target, _ in recipes}
    assert [command for _, command in recipes if not os.access(ROOT / command, os.X_OK)] == []


def test_make_help_says_what_each_target_is_for() -> None:
    done = subprocess.run([ROOT / "bin/help"], capture_output=True, text=True, check=True)
    said = dict(re.findall(r"^make (\w+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert list(said) == re.findall(r"^(\w+):", text(Path("Makefile")), re.MULTILINE)
    assert "invented city" in said["demo"]
    # A sentence that takes two lines of the comment is not cut at the end of the first.
    assert said["test"].endswith("everything on SQLite")


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_script_can_be_started_and_stops_at_an_error(path: Path) -> None:
    assert os.access(ROOT / path, os.X_OK)
    lines = text(path).splitlines()
    if lines[0].endswith("bash"):
        assert "set -euo pipefail" in lines
    assert lines[3].startswith("# ")
