# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tokens with which programs publish."""

from __future__ import annotations

import hashlib
import secrets

from django.utils import timezone

from canale.accounts.models import Token
from canale.channel.models import Channel

# Lets secret scanners recognise a leaked token.
PREFIX = "canale_"


def make_token(channel: Channel, name: str = "token") -> str:
    """Create a token and return its secret, which cannot be read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    Token.objects.create(channel=channel, name=name, secret_hash=secret_hash(secret))
    return secret


def secret_hash(secret: str) -> bytes:
    """Return the plain SHA-256, which is enough for a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def find(secret: str) -> Token | None:
    """Return the token of a secret, unless it was revoked."""
    rows = Token.objects.select_related("channel").filter(revoked_at=None)
    return rows.filter(secret_hash=secret_hash(secret)).first()


def revoke(token: Token) -> None:
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
