# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`/.well-known/`: what programs look for on every site (RFC 8615)."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from canale.core.settings import settings

# RFC 9116, section 2.5.5, recommends less than a year; the file is made for each request.
SECURITY_TXT_LIFE = timedelta(days=180)
A_DAY = 24 * 3600


def security_txt(request: HttpRequest) -> HttpResponse:
    """Say where to report a vulnerability of this installation (RFC 9116)."""
    expires = (timezone.now() + SECURITY_TXT_LIFE).strftime("%Y-%m-%dT00:00:00Z")
    lines = [
        f"Contact: {settings.vapid_contact}",
        f"Expires: {expires}",
        "Preferred-Languages: it, en",
    ]
    if settings.base_url.startswith("https://"):
        lines.append(f"Canonical: {settings.base_url}/.well-known/security.txt")
    response = HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={A_DAY}"
    return response
