# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The random token that a device keeps in its cookie, and the hash that we keep."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from canale.core.settings import settings
from canale.followers.persistent_keys import persistent_key

# With the prefix, browsers take the cookie from this very host only (RFC 6265bis, section 4.1.3):
# no other site of the city can give a citizen a number that it knows.
_PREFIX = "__Host-" if settings.base_url.startswith("https://") else ""
COOKIE = f"{_PREFIX}canale_follower"
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{22}$")


def new_token() -> str:
    """128 random bits, base64url."""
    return secrets.token_urlsafe(16)


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    return hmac.new(persistent_key("reader"), token.encode(), hashlib.sha256).digest()
