# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The headers of Standard Webhooks: HMAC-SHA256 over id, moment and body."""

from __future__ import annotations

import base64
import hashlib
import hmac

SECRET_PREFIX = "whsec_"  # noqa: S105


def signed_headers(secret: str, key: str, seconds: int, body: bytes) -> dict[str, str]:
    """``secret`` is whsec_ and base64, ``seconds`` the moment of this attempt in Unix time."""
    signed = f"{key}.{seconds}.".encode() + body
    mac = hmac.new(base64.b64decode(secret.removeprefix(SECRET_PREFIX)), signed, hashlib.sha256)
    return {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode("ascii"),
    }
