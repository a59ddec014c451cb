# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tokens of programs that publish."""

from __future__ import annotations

import hashlib
import secrets

from django.utils import timezone

from canale.accounts.models import Token
from canale.channel.models import Channel

# Lets scanners of leaked secrets find one.
PREFIX = "canale_"


def make_token(channel: Channel, name: str = "token") -> str:
    """The secret, which nobody can read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    Token.objects.create(channel=channel, name=name, secret_hash=secret_hash(secret))
    return secret


def secret_hash(secret: str) -> bytes:
    """Plain SHA-256: what is hashed is 256 random bits, which nobody guesses."""
    return hashlib.sha256(secret.encode()).digest()


def find(secret: str) -> Token | None:
    """The token of a secret, unless it was revoked."""
    found = Token.objects.select_related("channel").filter(revoked_at=None)
    return found.filter(secret_hash=secret_hash(secret)).first()


def revoke(token: Token) -> None:
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
