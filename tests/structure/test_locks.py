# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lock files say what is installed, by hash, and leave from where to the machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.structure.repository import ROOT, text

LOCKS = sorted(path.name for path in (ROOT / "requirements").glob("*.txt"))


def _requirements(name: str) -> list[str]:
    joined = text(Path("requirements") / name).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", LOCKS)
def test_python_packages_are_pinned_by_hash_without_address(name: str) -> None:
    lines = _requirements(name)
    assert lines
    assert [line for line in lines if not re.match(r"[a-z0-9._-]+(\[.*\])?==\S+ ", line)] == []
    assert [line for line in lines if "--hash=sha256:" not in line] == []
    assert [line for line in lines if "://" in line or "--index" in line] == []


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_has_every_requested_package(name: str) -> None:
    asked = text(Path("requirements") / name.replace(".txt", ".in")).splitlines()
    names = {
        re.split(r"[\[<>=~! ]", line)[0].lower().replace("_", "-")
        for line in asked
        if line and not line.startswith(("#", "-"))
    }
    locked = {re.split(r"[\[=]", line)[0].replace("_", "-") for line in _requirements(name)}
    assert names - locked == set(), "run bin/lock"


@pytest.mark.parametrize("folder", ["frontend", "tests/validators"])
def test_npm_packages_are_pinned_by_hash_without_address(folder: str) -> None:
    lock = text(Path(folder) / "package-lock.json")
    packages = {name: package for name, package in json.loads(lock)["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if "integrity" not in package] == []


def test_no_registry_is_named() -> None:
    npm = [f"{folder}.npmrc" for folder in ("", "frontend/", "tests/validators/")]
    for name in (*npm, "pyproject.toml", "pip.conf", "uv.toml"):
        if (ROOT / name).exists():
            assert re.findall(r"registry\s*=|index-url|find-links", text(Path(name))) == []
