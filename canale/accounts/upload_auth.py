# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The check whether a request may upload files, made from its headers before the body is read."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from django.conf import settings as django_settings
from django.db import close_old_connections
from django.utils import timezone

from canale.accounts import setup, tokens
from canale.accounts.sessions import key_hash, open_sessions

SETUP_PREFIX = "/newsroom/setup/"


def may_upload(path: str, headers: Mapping[str, str]) -> bool:
    """Accept signed-in staff, programs with a token, and holders of the set-up link.

    ``headers`` have lower-case names. The view decides later what the sender may do.
    """
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    close_old_connections()
    try:
        return (
            (scheme.lower() == "bearer" and tokens.find(secret.strip()) is not None)
            or _is_signed_in(headers.get("cookie", ""))
            or (
                path.startswith(SETUP_PREFIX)
                and setup.is_open(path.removeprefix(SETUP_PREFIX).rstrip("/"))
            )
        )
    finally:
        close_old_connections()


def _is_signed_in(cookie: str) -> bool:
    try:
        morsel = SimpleCookie(cookie).get(django_settings.SESSION_COOKIE_NAME)
    except CookieError:
        return False
    if morsel is None:
        return False
    rows = open_sessions(timezone.now()).filter(session_key=key_hash(morsel.value))
    return rows.filter(staff__is_active=True).exists()
