# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Seals addresses with a key that is not in the database.

AES-256-GCM (NIST SP 800-38D), a random 96-bit nonce before each ciphertext, and as
associated data the kind and the channel, so that a sealed address cannot be moved to
another row. The key is derived from CANALE_SECRET_KEY (HKDF-SHA256, RFC 5869).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from canale.settings import settings

NONCE_BYTES = 12


class VaultError(Exception):
    """A sealed address cannot be opened with this installation's key."""


@cache
def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose. Changing a purpose's name loses what it protects."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"canale {purpose}".encode())
    return hkdf.derive(settings.secret_key.encode())


@cache
def _cipher() -> AESGCM:
    return AESGCM(derived_key("vault"))


def _bound_to(kind: str, channel_id: int) -> bytes:
    return f"{kind}:{channel_id}".encode()


def seal(address: Mapping[str, object], kind: str, channel_id: int) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    plain = json.dumps(address, separators=(",", ":")).encode()
    return nonce + _cipher().encrypt(nonce, plain, _bound_to(kind, channel_id))


def open_sealed(sealed: bytes, kind: str, channel_id: int) -> dict[str, object]:
    """The address as it was given. Raises VaultError."""
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        plain = _cipher().decrypt(nonce, ciphertext, _bound_to(kind, channel_id))
    except (InvalidTag, ValueError) as error:
        raise VaultError(
            "a sealed address does not open: was CANALE_SECRET_KEY changed?"
        ) from error
    return cast("dict[str, object]", json.loads(plain))


def fingerprint(identity: str) -> bytes:
    """32 bytes that find a duplicate of ``identity`` (an endpoint, an e-mail)."""
    return hmac.new(derived_key("fingerprint"), identity.encode(), hashlib.sha256).digest()
