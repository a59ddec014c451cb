# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rules of push services for requests (RFC 8030, 8291, 8292), by other code than ours."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.standins.http11 import Request

URGENCIES = {"very-low", "low", "normal", "high"}
MAX_BODY = 4096
DAY = 24 * 3600


@dataclass
class RefusedError(Exception):
    """A refusal as the real service would answer it, with the reason."""

    status: int
    reason: str


def unbase64url(text: str) -> bytes:
    """Base64url with or without padding. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*={0,2}", text):
        raise ValueError("not base64url")
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def check_request(request: Request, origin: str, pinned_key: str | None) -> None:
    """Raise RefusedError unless the headers and the size are what a push service accepts."""
    key = check_vapid(request.headers.get("authorization", ""), origin)
    if pinned_key is not None and unbase64url(pinned_key) != unbase64url(key):
        raise RefusedError(403, "the subscription belongs to another key")
    if not re.fullmatch(r"\d{1,9}", request.headers.get("ttl", "")):
        raise RefusedError(400, "TTL is missing or no number")
    if request.headers.get("urgency", "normal") not in URGENCIES:
        raise RefusedError(400, "Urgency is none of the four")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", request.headers.get("topic", "x")):
        raise RefusedError(400, "Topic is not 1 to 32 characters of base64url")
    if len(request.body) > MAX_BODY:
        raise RefusedError(413, f"{len(request.body)} bytes of body")
    if request.body and request.headers.get("content-encoding") != "aes128gcm":
        raise RefusedError(400, "Content-Encoding is not aes128gcm")


def check_vapid(authorization: str, origin: str) -> str:
    """Check the token's signature, audience and expiry; gives the key it was signed with."""
    match = re.fullmatch(r"vapid t=([^,\s]+),\s*k=([^,\s]+)", authorization)
    if match is None:
        raise RefusedError(401, "no VAPID authorization")
    claims = json.loads(signed_claims(match[1], match[2]))
    if claims.get("aud") != origin:
        raise RefusedError(401, f"aud is {claims.get('aud')!r}, not {origin!r}")
    expiry, now = claims.get("exp"), time.time()
    if not isinstance(expiry, int) or not now < expiry <= now + DAY:
        raise RefusedError(401, "exp has passed or is more than 24 hours ahead")
    if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
        raise RefusedError(401, "sub is neither mailto: nor https:")
    return match[2]


@lru_cache(maxsize=256)
def signed_claims(token: str, key: str) -> bytes:
    """The claims of an ES256 token whose signature is good. Raises RefusedError."""
    try:
        head, body, signature = token.split(".")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64url(key))
        raw = unbase64url(signature)
        if json.loads(unbase64url(head)).get("alg") != "ES256" or len(raw) != 64:
            raise RefusedError(401, "not an ES256 token")
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public.verify(der, f"{head}.{body}".encode(), ec.ECDSA(SHA256()))
        return unbase64url(body)
    except (ValueError, InvalidSignature) as error:
        raise RefusedError(401, f"the token is not good ({type(error).__name__})") from error
