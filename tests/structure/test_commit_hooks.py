# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""pre-commit runs checks of bin/lint, by tools that are there; a long subject is refused."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.structure.repository import ROOT, text

CONFIG: dict[str, Any] = yaml.safe_load(text(Path(".pre-commit-config.yaml")))
HOOKS = [hook for repo in CONFIG["repos"] for hook in repo["hooks"]]


def check_subject(message: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message)
    return subprocess.run(
        [ROOT / "bin/check-subject", file], capture_output=True, text=True, check=False
    )


def test_hooks_call_tools_of_this_checkout() -> None:
    assert {repo["repo"] for repo in CONFIG["repos"]} == {"local"}
    programs = [hook["entry"].split()[0] for hook in HOOKS]
    assert [program for program in programs if not (ROOT / program).is_file()] == []


def test_hooks_before_a_commit_are_checks_of_lint() -> None:
    checks = dict(re.findall(r'^check "([^"]+)" (.+)$', text(Path("bin/lint")), re.MULTILINE))
    hooks = {h["name"]: h["entry"] for h in HOOKS if h.get("stages") != ["commit-msg"]}
    assert len(hooks) > 4
    for name, entry in hooks.items():
        tool = entry.split()[0].removeprefix(".venv/bin/")
        assert checks[name].split()[0] == tool


@pytest.mark.parametrize(
    "message",
    [
        "x" * 72,
        "è" * 72,
        "fixup! " + "x" * 72,
        f"Short\n\n{'a long line in the body ' * 9}",
        f"\n# {'a comment of git ' * 9}\nShort",
        "",
    ],
)
def test_subject_of_at_most_72_characters_is_accepted(message: str, tmp_path: Path) -> None:
    done = check_subject(message, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("message", ["x" * 73, f"\n# comment\n{'x' * 73}\n\nbody"])
def test_longer_subject_is_refused(message: str, tmp_path: Path) -> None:
    done = check_subject(message, tmp_path)
    assert done.returncode == 1
    assert "73 characters, at most 72" in done.stderr
