# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""publiccode.yml is what catalogues accept: https://yml.publiccode.tools/schema.core.html"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.structure.repository import ROOT, text

SAID: dict[str, Any] = yaml.safe_load(text(Path("publiccode.yml")))
MANDATORY = (
    "publiccodeYmlVersion", "name", "url", "platforms", "developmentStatus", "softwareType",
    "description", "legal", "maintenance", "localisation",
)  # fmt: skip


def test_required_keys_of_publiccode_are_present() -> None:
    assert [key for key in MANDATORY if not SAID.get(key)] == []
    assert tuple(map(int, str(SAID["publiccodeYmlVersion"]).split("."))) >= (0, 5)
    assert SAID["softwareType"] == "standalone/web"
    assert SAID["developmentStatus"] in {"concept", "development", "beta", "stable", "obsolete"}
    assert SAID["maintenance"]["type"] == "community"
    assert all(contact["name"] for contact in SAID["maintenance"]["contacts"])


@pytest.mark.parametrize("language", ["it", "en"])
def test_every_language_is_complete_and_within_the_length_limits(language: str) -> None:
    said = SAID["description"][language]
    assert len(said["shortDescription"]) <= 150
    assert 150 <= len(said["longDescription"]) <= 10_000
    assert said["features"]
    assert all(len(feature) <= 100 for feature in said["features"])
    assert language in SAID["localisation"]["availableLanguages"]


def test_licence_matches_the_licence_file() -> None:
    licence = SAID["legal"]["license"]
    assert (ROOT / f"LICENSES/{licence}.txt").exists()
    assert tomllib.loads(text(Path("pyproject.toml")))["project"]["license"] == licence
