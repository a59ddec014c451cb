# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Well-known files that programs look for, and files that they must not find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.test import Client

from canale.public.views import well_known


def test_security_txt_says_where_to_report_vulnerabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    base, contact = "https://canale.example.it", "mailto:urp@comune.example.it"
    monkeypatch.setattr(
        well_known, "settings", SimpleNamespace(base_url=base, vapid_contact=contact)
    )
    answer = Client().get("/.well-known/security.txt")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert fields["Contact"] == contact
    assert fields["Canonical"] == f"{base}/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=90) < left < timedelta(days=365)


def test_security_txt_names_no_address_without_https() -> None:
    assert b"Canonical" not in Client().get("/.well-known/security.txt").content


@pytest.mark.django_db
def test_list_of_static_files_is_not_served() -> None:
    for name in ("staticfiles.json", "staticfiles.json.gz", "staticfiles.json.br"):
        assert Client().get(f"/static/{name}").status_code == 404
    assert Client().get("/sw.js").status_code == 200
