# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may send files, told from the first lines of a request, before any of them is read."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from django.conf import settings as django_settings
from django.db import close_old_connections
from django.utils import timezone

from canale.accounts import setup, tokens
from canale.accounts.sessions import key_hash, open_sessions

SETUP = "/newsroom/setup/"


def may_upload(path: str, headers: Mapping[str, str]) -> bool:
    """A person who is signed in, a program with a token, or who holds the set-up link. ``headers``
    have lower-case names. What they may do is decided later."""
    close_old_connections()
    try:
        return (
            _is_program(headers.get("authorization", ""))
            or _is_signed_in(headers.get("cookie", ""))
            or (path.startswith(SETUP) and setup.is_open(path.removeprefix(SETUP).rstrip("/")))
        )
    finally:
        close_old_connections()


def _is_program(authorization: str) -> bool:
    scheme, _, secret = authorization.partition(" ")
    return scheme.lower() == "bearer" and tokens.find(secret.strip()) is not None


def _is_signed_in(cookie: str) -> bool:
    try:
        found = SimpleCookie(cookie).get(django_settings.SESSION_COOKIE_NAME)
    except CookieError:
        return False
    if found is None:
        return False
    rows = open_sessions(timezone.now()).filter(session_key=key_hash(found.value))
    return rows.filter(staff__is_active=True).exists()
