# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The OpenAPI document: what Redocly's linter says of it, and what programs expect to find."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from canale.api.urls import api
from tests.structure.repository import ROOT, text

VALIDATORS = ROOT / "tests/validators"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    schema = api.get_openapi_schema(path_prefix="/api/v1/")
    parsed: dict[str, Any] = json.loads(json.dumps(schema, default=str))
    return parsed


def redocly(document: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    return subprocess.run(
        [
            VALIDATORS / "node_modules/.bin/redocly",
            "lint",
            path,
            f"--config={VALIDATORS / 'redocly.yaml'}",
            "--format=stylish",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            **os.environ,
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        },
    )


def test_openapi_document_passes_redocly(document: dict[str, Any], tmp_path: Path) -> None:
    linted = redocly(document, tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_redocly_reports_a_call_without_security(document: dict[str, Any], tmp_path: Path) -> None:
    broken = json.loads(json.dumps(document))
    del broken["paths"]["/api/v1/me"]["get"]["security"]
    linted = redocly(broken, tmp_path)
    assert linted.returncode != 0
    assert "security-defined" in linted.stdout


def test_every_call_has_summary_description_and_security(document: dict[str, Any]) -> None:
    calls = [
        (f"{method} {address}", call)
        for address, methods in document["paths"].items()
        for method, call in methods.items()
    ]
    assert len(calls) >= 12
    incomplete = [
        name for name, call in calls if {"summary", "description", "security"} - call.keys()
    ]
    assert incomplete == []


def test_integers_have_a_format_and_pictures_an_encoding(document: dict[str, Any]) -> None:
    posts = document["components"]["schemas"]["PostOut"]["properties"]
    assert posts["id"] == {"title": "Id", "type": "integer", "format": "int64"}
    picture = document["components"]["schemas"]["NewImageIn"]["properties"]["data"]
    assert picture["contentEncoding"] == "base64"


def test_calls_with_a_token_document_their_refusals(document: dict[str, Any]) -> None:
    posts = {path: calls for path, calls in document["paths"].items() if "/posts" in path}
    calls = [call for calls in posts.values() for call in calls.values()]
    by_token = [call for call in calls if {"TokenAuth": []} in call.get("security", [])]
    assert len(by_token) >= 3
    for call in by_token:
        assert {"400", "401", "403", "404", "413", "415"} <= call["responses"].keys()


def test_licence_matches_the_repository(document: dict[str, Any]) -> None:
    assert document["info"]["license"]["identifier"] in text(Path("publiccode.yml"))
