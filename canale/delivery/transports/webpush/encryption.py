# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Message encryption for Web Push (RFC 8291, with the coding ``aes128gcm`` of RFC 8188)."""

from __future__ import annotations

import binascii
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4096
SALT_LENGTH = 16
AUTH_LENGTH = 16
POINT_LENGTH = 65
TAG_LENGTH = 16
HEADER_LENGTH = SALT_LENGTH + 4 + 1 + POINT_LENGTH

# A push service need not take more than 4,096 bytes of body (RFC 8030, section 7.2).
MAX_BODY = 4096
MAX_PLAINTEXT = MAX_BODY - HEADER_LENGTH - TAG_LENGTH - 1

# Bodies come in few lengths only, so that a length does not tell which post was sent.
PADDING_STEP = 256

_CURVE = ec.SECP256R1()
_ECDH = ec.ECDH()
_SHA256 = SHA256()
_RECORD_AND_KEY_LENGTH = RECORD_SIZE.to_bytes(4, "big") + bytes((POINT_LENGTH,))
_TO_STANDARD = bytes.maketrans(b"-_+/", b"+/!!")


class BadKeysError(ValueError):
    """A subscription's keys cannot be used; the message says which and why, never its value."""


class SubscriptionKeys(NamedTuple):
    """The receiver's keys: the point as 65 bytes, the same point as a key, 16 bytes of secret."""

    point: bytes
    public: ec.EllipticCurvePublicKey
    auth: bytes

    @classmethod
    def from_json(cls, keys: object) -> SubscriptionKeys:
        """Read ``PushSubscription.toJSON().keys``. Raises BadKeysError."""
        # The vault returns a dict; asking for the protocol is slow.
        if type(keys) is not dict and not isinstance(keys, Mapping):
            raise BadKeysError("keys: missing")
        point = _bytes_of("p256dh", keys.get("p256dh"), POINT_LENGTH)
        auth = _bytes_of("auth", keys.get("auth"), AUTH_LENGTH)
        if point[0] != 4:
            raise BadKeysError("keys.p256dh: not an uncompressed point")
        try:
            return cls(point, ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point), auth)
        except ValueError:
            raise BadKeysError("keys.p256dh: not a point of P-256") from None


def _bytes_of(name: str, value: object, length: int) -> bytes:
    # The bound keeps a megabyte of junk from being decoded; "standard" Base64 is not allowed here.
    if not isinstance(value, str) or len(value) > 2 * length:
        raise BadKeysError(f"keys.{name}: not base64url")
    text = value.encode("utf-8", "replace").translate(_TO_STANDARD) + b"=" * (-len(value) % 4)
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise BadKeysError(f"keys.{name}: not base64url") from None
    if len(raw) != length:
        raise BadKeysError(f"keys.{name}: {len(raw)} bytes instead of {length}")
    return raw


def encrypt(plaintext: bytes, keys: SubscriptionKeys) -> bytes:
    """Encrypt for one subscription with a fresh key and salt; gives the HTTP body.

    ``plaintext`` is at most MAX_PLAINTEXT bytes (3,993); raises ValueError beyond.
    """
    sender, salt = ec.generate_private_key(_CURVE), os.urandom(SALT_LENGTH)
    return seal(record_of(plaintext), keys, sender, salt)


@lru_cache(maxsize=64)
def record_of(plaintext: bytes) -> bytes:
    """The one record of a message, delimited and padded: the same for all who are sent it."""
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError(f"{len(plaintext)} bytes; a push message holds {MAX_PLAINTEXT}")
    length = len(plaintext) + 1
    padded = min(-(-length // PADDING_STEP) * PADDING_STEP, MAX_PLAINTEXT + 1)
    return plaintext + b"\x02" + bytes(padded - length)


def seal(
    record: bytes, keys: SubscriptionKeys, sender: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """Encrypt one delimited and padded record with a given sender key and salt (RFC 8291, 3.4).

    Only ``encrypt`` and the RFC's own example call this: a key and salt must never serve twice.
    """
    point = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    info = b"WebPush: info\x00" + keys.point + point
    ikm = HKDF(_SHA256, 32, keys.auth, info).derive(sender.exchange(_ECDH, keys.public))
    prk = HKDF.extract(_SHA256, salt, ikm)
    content_key = HKDFExpand(_SHA256, 16, b"Content-Encoding: aes128gcm\x00").derive(prk)
    nonce = HKDFExpand(_SHA256, 12, b"Content-Encoding: nonce\x00").derive(prk)
    header = salt + _RECORD_AND_KEY_LENGTH + point
    return header + AESGCM(content_key).encrypt(nonce, record, None)
