# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A cookie that recognises a browser with which a person signed in before.

Wrong passwords are counted per account. An attacker who sends many locks the account for unknown
browsers, but not for the owner's: a known browser has a count of its own. The cookie grants no
access.
"""

from __future__ import annotations

import secrets

from django.conf import settings as django_settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from canale.accounts.models import Staff

COOKIE = f"{django_settings.COOKIE_PREFIX}canale_signed_in_before"
MAX_AGE_SECONDS = 400 * 24 * 3600
_SALT = "canale signed in before"


def remember_device(request: HttpRequest, response: HttpResponse, staff: Staff) -> None:
    """Set the cookie, after a complete sign-in."""
    device = device_of(request, staff) or secrets.token_urlsafe(12)
    response.set_cookie(
        COOKIE,
        signing.dumps([staff.pk, device], salt=_SALT),
        max_age=MAX_AGE_SECONDS,
        path=django_settings.SESSION_COOKIE_PATH,
        secure=django_settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def device_of(request: HttpRequest, staff: Staff) -> str | None:
    """Return the browser's id, if this person was the last to sign in with it."""
    try:
        value = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return None
    staff_id, device = value
    return str(device) if staff_id == staff.pk else None
