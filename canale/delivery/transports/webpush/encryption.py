# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Message encryption for Web Push (RFC 8291, with the coding ``aes128gcm`` of RFC 8188)."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}\Z")


class BadKeys(ValueError):  # noqa: N818
    """A subscription's keys cannot be used; the message says which and why, never its value."""


@dataclass(frozen=True, slots=True)
class SubscriptionKeys:
    """The receiver's keys: the point as 65 bytes, the same point as a key, 16 bytes of secret."""

    point: bytes
    public: ec.EllipticCurvePublicKey
    auth: bytes

    @classmethod
    def from_json(cls, keys: object) -> SubscriptionKeys:
        """Read ``PushSubscription.toJSON().keys``. Raises BadKeys."""
        if not isinstance(keys, Mapping):
            raise BadKeys("keys: missing")
        point = _bytes_of("p256dh", keys.get("p256dh"), POINT_LENGTH)
        auth = _bytes_of("auth", keys.get("auth"), AUTH_LENGTH)
        return cls(point, _key_of(point), auth)


def _bytes_of(name: str, value: object, length: int) -> bytes:
    # The bound keeps a megabyte of junk from being decoded; "standard" Base64 is not allowed here.
    if not isinstance(value, str) or len(value) > 2 * length or not _BASE64URL.match(value):
        raise BadKeys(f"keys.{name}: not base64url")
    text = value.rstrip("=")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise BadKeys(f"keys.{name}: not base64url") from None
    if len(raw) != length:
        raise BadKeys(f"keys.{name}: {len(raw)} bytes instead of {length}")
    return raw


def _key_of(point: bytes) -> ec.EllipticCurvePublicKey:
    if point[0] != 4:
        raise BadKeys("keys.p256dh: not an uncompressed point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise BadKeys("keys.p256dh: not a point of P-256") from None


def encrypt(plaintext: bytes, keys: SubscriptionKeys) -> bytes:
    """Encrypt for one subscription with a fresh key and salt; gives the HTTP body.

    ``plaintext`` is at most MAX_PLAINTEXT bytes (3,993); raises ValueError beyond.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError(f"{len(plaintext)} bytes; a push message holds {MAX_PLAINTEXT}")
    return seal(_padded(plaintext), keys, ec.generate_private_key(_CURVE), os.urandom(SALT_LENGTH))


def _padded(plaintext: bytes) -> bytes:
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
    shared = sender.exchange(ec.ECDH(), keys.public)
    prk_key = _hmac(keys.auth, shared)
    ikm = _hmac(prk_key, b"WebPush: info\x00" + keys.point + point + b"\x01")
    prk = _hmac(salt, ikm)
    content_key = _hmac(prk, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _hmac(prk, b"Content-Encoding: nonce\x00\x01")[:12]
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes((POINT_LENGTH,)) + point
    return header + AESGCM(content_key).encrypt(nonce, record, None)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
