# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Seals with a key that is not in the database, so that a stolen database opens nothing.

AES-256-GCM (NIST SP 800-38D), a random 96-bit nonce before each ciphertext, the plaintext padded to
a fixed size. An address has as associated data its kind and its channel, so that it cannot be moved
to another row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from canale.vault.keys import derived_key, secrets_in_use
from canale.vault.padding import pad, unpad

NONCE_BYTES = 12


class VaultError(Exception):
    """No key of this installation opens what is sealed."""


@cache
def cipher(purpose: str, secret: str) -> AESGCM:
    return AESGCM(derived_key(purpose, secret))


def seal_bytes(plain: bytes, purpose: str, bound_to: bytes | None = None) -> bytes:
    """A random nonce, then ``plain``, padded and encrypted with the key of a purpose.

    Raises ValueError for more bytes than the largest size holds (see padding.py).
    """
    nonce = os.urandom(NONCE_BYTES)
    today = secrets_in_use()[0]
    return nonce + cipher(purpose, today).encrypt(nonce, pad(plain), bound_to)


def open_bytes(sealed: bytes, purpose: str, bound_to: bytes | None = None) -> tuple[bytes, bool]:
    """Give the plaintext, and whether it is sealed as `seal_bytes` does now.

    False means that the old key sealed it, or that it is not padded. Raises VaultError.
    """
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    is_todays_key = True
    for secret in secrets_in_use():
        try:
            stored = cipher(purpose, secret).decrypt(nonce, ciphertext, bound_to)
        except (InvalidTag, ValueError):
            is_todays_key = False
            continue
        plain, is_padded = unpad(stored)
        return plain, is_todays_key and is_padded
    raise VaultError("what is sealed does not open: was CANALE_SECRET_KEY changed?")


def bound_to(kind: str, channel_id: int) -> bytes:
    """The associated data of an address."""
    return f"{kind}:{channel_id}".encode()


def seal(address: Mapping[str, object], kind: str, channel_id: int) -> bytes:
    """Seal an address. Raises ValueError if it is too long (see padding.py)."""
    plain = json.dumps(address, separators=(",", ":")).encode()
    return seal_bytes(plain, "vault", bound_to(kind, channel_id))


def open_sealed(sealed: bytes, kind: str, channel_id: int) -> dict[str, object]:
    """The address as it was given. Raises VaultError."""
    return open_and_check(sealed, kind, channel_id)[0]


def open_and_check(sealed: bytes, kind: str, channel_id: int) -> tuple[dict[str, object], bool]:
    """The address, and whether it is sealed as `seal` does now. Raises VaultError."""
    plain, is_current = open_bytes(sealed, "vault", bound_to(kind, channel_id))
    return cast("dict[str, object]", json.loads(plain)), is_current
