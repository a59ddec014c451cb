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

from canale.core.settings import settings

NONCE_BYTES = 12


class VaultError(Exception):
    """A sealed address cannot be opened with this installation's key."""


@cache
def derived_key(purpose: str, secret: str = "") -> bytes:
    """32 bytes for one purpose. Changing a purpose's name loses what it protects.

    ``secret`` is the key to derive from; CANALE_SECRET_KEY when none is given. What becomes of
    each purpose when that changes stands in rotation.py.
    """
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"canale {purpose}".encode())
    return hkdf.derive((secret or settings.secret_key).encode())


def key_id(secret: str) -> str:
    """Tells keys apart and says nothing about them: 16 hexadecimal digits."""
    return derived_key("key id", secret)[:8].hex()


def _secrets() -> tuple[str, ...]:
    """The key that seals, then, during a rotation, the one that still opens."""
    return tuple(filter(None, (settings.secret_key, settings.old_secret_key)))


@cache
def _cipher(purpose: str, secret: str) -> AESGCM:
    return AESGCM(derived_key(purpose, secret))


def seal_bytes(plain: bytes, purpose: str, bound_to: bytes | None = None) -> bytes:
    """A random nonce and what is sealed with the key of a purpose."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(purpose, settings.secret_key).encrypt(nonce, plain, bound_to)


def open_bytes(sealed: bytes, purpose: str, bound_to: bytes | None = None) -> tuple[bytes, bool]:
    """What was sealed, and whether with today's key rather than the one before. Raises
    VaultError."""
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for secret in _secrets():
        try:
            plain = _cipher(purpose, secret).decrypt(nonce, ciphertext, bound_to)
        except (InvalidTag, ValueError):
            continue
        return plain, secret == settings.secret_key
    raise VaultError("what is sealed does not open: was CANALE_SECRET_KEY changed?")


def _bound_to(kind: str, channel_id: int) -> bytes:
    return f"{kind}:{channel_id}".encode()


def seal(address: Mapping[str, object], kind: str, channel_id: int) -> bytes:
    plain = json.dumps(address, separators=(",", ":")).encode()
    return seal_bytes(plain, "vault", _bound_to(kind, channel_id))


def open_sealed(sealed: bytes, kind: str, channel_id: int) -> dict[str, object]:
    """The address as it was given. Raises VaultError."""
    return open_and_date(sealed, kind, channel_id)[0]


def open_and_date(sealed: bytes, kind: str, channel_id: int) -> tuple[dict[str, object], bool]:
    """The address, and whether it is sealed with today's key. Raises VaultError."""
    plain, today = open_bytes(sealed, "vault", _bound_to(kind, channel_id))
    return cast("dict[str, object]", json.loads(plain)), today


def identity(address: Mapping[str, object]) -> str:
    """What makes two addresses the same: a subscription's endpoint, an e-mail, a number."""
    return str(address.get("endpoint") or address.get("address"))


def fingerprint(identity: str) -> bytes:
    """32 bytes that find a duplicate of ``identity`` (an endpoint, an e-mail)."""
    return fingerprints(identity)[0]


def fingerprints(identity: str) -> list[bytes]:
    """The fingerprint, then, during a rotation, the one that rows not yet sealed anew have."""
    return [
        hmac.new(derived_key("fingerprint", secret), identity.encode(), hashlib.sha256).digest()
        for secret in _secrets()
    ]
