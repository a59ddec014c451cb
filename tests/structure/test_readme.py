# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The commands of the README can be run by a stranger, and CI runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.structure.repository import ROOT, text

FIRST_SCREEN = 40


def test_first_screen_names_the_two_commands_for_a_new_machine() -> None:
    start = "\n".join(text(Path("README.md")).splitlines()[:FIRST_SCREEN])
    targets = re.findall(r"^(\w+):", text(Path("Makefile")), re.MULTILINE)
    for target in ("serve", "test"):
        assert re.search(rf"^make {target}\b", start, re.MULTILINE)
        assert target in targets


def test_ci_runs_the_commands_of_the_readme() -> None:
    assert re.search(r"^CI=true exec make test$", text(Path(".ci/run")), re.MULTILINE)
    everything = text(Path("bin/test"))
    for part in ("bin/setup --dev", "bin/lint", "-m pytest"):
        assert part in everything


@pytest.mark.skipif(
    not (ROOT / ".venv/audit/stamp").exists(), reason="bin/install-audit-tools was not called"
)
def test_sbom_names_every_locked_package_and_no_registry(tmp_path: Path) -> None:
    subprocess.run(
        [ROOT / "bin/sbom", str(tmp_path)], check=True, capture_output=True, env=dict(os.environ)
    )
    python = json.loads((tmp_path / "python.cdx.json").read_text())
    assert python["bomFormat"] == "CycloneDX"
    locked = re.findall(
        r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", text(Path("requirements/base.txt")), re.MULTILINE
    )
    named = {(each["name"].lower(), each["version"]) for each in python["components"]}
    assert {(name.lower(), version) for name, version in locked} <= named
    front_end = json.loads((tmp_path / "frontend.cdx.json").read_text())
    packages = json.loads(text(Path("frontend/package-lock.json")))["packages"]
    wanted = {path.rpartition("node_modules/")[2] for path in packages if path}
    found = {"/".join(filter(None, (c.get("group"), c["name"]))) for c in front_end["components"]}
    assert wanted <= found
    for name in ("python", "frontend"):
        whole = (tmp_path / f"{name}.cdx.json").read_text()
        assert not re.search(r"registry\.|/simple\b", whole)
