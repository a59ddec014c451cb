# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sender's identity towards push services (RFC 8292, VAPID)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LIFE = 12 * 3600
RENEW_BEFORE = 3600

# Some services have many hosts, and strangers choose among them.
MAX_TOKENS = 256

# Order of P-256 (SEC 2, section 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class VapidKey:
    """The key pair that all subscriptions of this installation are bound to."""

    private: ec.EllipticCurvePrivateKey
    public_key: str

    @classmethod
    def from_secret(cls, secret: bytes) -> VapidKey:
        """The same key from the same secret, always. ``secret``: at least 32 random bytes."""
        if len(secret) < 32:
            raise ValueError(f"{len(secret)} bytes of secret; at least 32 are needed")
        # 16 bytes more than the order make the remainder uniform (FIPS 186-5, A.2.1).
        wide = HKDFExpand(SHA256(), 48, b"canale VAPID P-256").derive(secret)
        number = int.from_bytes(wide, "big") % (_ORDER - 1) + 1
        private = ec.derive_private_key(number, ec.SECP256R1())
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return cls(private, base64url(point))

    def sign(self, data: bytes) -> bytes:
        """ES256: the two numbers of the signature as 64 bytes (RFC 7518, section 3.4)."""
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    made_at: float

    def serves(self, now: float) -> bool:
        # A clock that was set back would make the token expire too far ahead.
        return self.made_at <= now <= self.made_at + LIFE - RENEW_BEFORE


class Authorizer:
    """The ``Authorization`` header for each push service: one signature serves for hours."""

    def __init__(self, key: VapidKey, contact: str, clock: Callable[[], float] = time.time) -> None:
        """``contact`` is a ``mailto:`` or ``https:`` URI (RFC 8292, section 2.1)."""
        self._key = key
        self._contact = contact
        self._clock = clock
        self._tokens: dict[str, _Token] = {}

    def header(self, origin: str) -> str:
        """``vapid t=…, k=…`` for the origin of an endpoint."""
        now = self._clock()
        token = self._tokens.get(origin)
        if token is None or not token.serves(now):
            if len(self._tokens) >= MAX_TOKENS:
                self._tokens.clear()
            claims: dict[str, str | int] = {
                "aud": origin,
                "exp": int(now) + LIFE,
                "sub": self._contact,
            }
            signed = f"{_json({'typ': 'JWT', 'alg': 'ES256'})}.{_json(claims)}"
            signature = base64url(self._key.sign(signed.encode("ascii")))
            token = _Token(f"vapid t={signed}.{signature}, k={self._key.public_key}", now)
            self._tokens[origin] = token
        return token.header


def _json(value: Mapping[str, str | int]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode("utf-8"))
