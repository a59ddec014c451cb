# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every key follows from CANALE_SECRET_KEY (HKDF-SHA256, RFC 5869), one for each purpose."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from canale.core.settings import settings

# Every purpose of a derived key, and what a new CANALE_SECRET_KEY means for it
# (docs/decisions/0017).
PURPOSES = {
    "vault": "each address is sealed again",
    "fingerprint": "each is made again from its address",
    "second factors": "each is sealed again",
    "lasting keys": "each is sealed again",
    "reader": "lasts: kept sealed in the database",
    "vapid": "lasts: kept sealed in the database",
    "key id": "changes: it names the key",
}


@cache
def derived_key(purpose: str, secret: str = "") -> bytes:
    """32 bytes for one purpose. Changing a purpose's name loses what it protects.

    ``secret`` is the key to derive from; CANALE_SECRET_KEY when none is given.
    """
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"canale {purpose}".encode())
    return hkdf.derive((secret or settings.secret_key).encode())


def key_id(secret: str) -> str:
    """Tell keys apart without revealing anything about them: 16 hexadecimal digits."""
    return derived_key("key id", secret)[:8].hex()


def secrets_in_use() -> tuple[str, ...]:
    """The key that seals, then, during a rotation, the old one, which still opens."""
    return tuple(filter(None, (settings.secret_key, settings.old_secret_key)))
