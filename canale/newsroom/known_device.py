# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A browser that somebody signed in with before.

Wrong passwords are counted by account. A stranger who sends many shuts the account for other
strangers, not for whoever has such a browser: what it sends is counted by itself. Its cookie opens
nothing.
"""

from __future__ import annotations

import secrets

from django.conf import settings as django_settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from canale.accounts.models import Staff

COOKIE = f"{django_settings.COOKIE_PREFIX}canale_signed_in_before"
KEPT_SECONDS = 400 * 24 * 3600
_SALT = "canale signed in before"


def remember_device(request: HttpRequest, response: HttpResponse, staff: Staff) -> None:
    """Called when somebody is signed in, with all that it takes."""
    device = device_of(request, staff) or secrets.token_urlsafe(12)
    response.set_cookie(
        COOKIE,
        signing.dumps([staff.pk, device], salt=_SALT),
        max_age=KEPT_SECONDS,
        path=django_settings.SESSION_COOKIE_PATH,
        secure=django_settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def device_of(request: HttpRequest, staff: Staff) -> str | None:
    """The browser's number, if it was this person who signed in with it last."""
    try:
        said = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return None
    number, device = said
    return str(device) if number == staff.pk else None
