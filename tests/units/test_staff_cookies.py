# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""No other host of the city's domain can plant a cookie of staff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ASK = """
import json, django
django.setup()
from canale.accounts.models import Staff
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.test import Client
# The tables alone: migrations take ten times as long.
settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
call_command("migrate", run_syncdb=True, verbosity=0)
staff = Staff.objects.create_user("a@cremona.test", "acqua alta sul fiume Po")
client = Client(SERVER_NAME="canale.test")
client.get("/newsroom/accounts/login/", secure=True)
form = {"login": staff.email, "password": "acqua alta sul fiume Po"}
client.post("/newsroom/accounts/login/", form, secure=True)
kept = {name: {key: it[key] for key in ("path", "domain", "secure", "httponly", "samesite")}
        for name, it in client.cookies.items()}
print(json.dumps(kept))
"""


def cookies(folder: Path, base_url: str) -> dict[str, dict[str, Any]]:
    environment = {
        **os.environ,
        "CANALE_DATA": str(folder),
        "CANALE_BASE_URL": base_url,
        "DJANGO_SETTINGS_MODULE": "canale.core.django_settings",
    }
    environment.pop("CANALE_DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kept: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return kept


@pytest.mark.parametrize(
    ("base_url", "prefix", "path"),
    [("https://canale.test", "__Host-", "/"), ("http://localhost:8000", "", "/newsroom")],
)
def test_staff_cookies_have_the_strictest_attributes(
    tmp_path: Path, base_url: str, prefix: str, path: str
) -> None:
    kept = cookies(tmp_path, base_url)
    names = ("canale_staff", "canale_csrf", "canale_signed_in_before")
    assert set(kept) == {f"{prefix}{name}" for name in names}
    for cookie in kept.values():
        assert cookie["path"] == path
        assert cookie["domain"] == ""
        assert bool(cookie["secure"]) == bool(prefix)
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
