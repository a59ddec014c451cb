# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fingerprints (HMAC-SHA256) find duplicates of addresses without opening one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from canale.vault.keys import derived_key, secrets_in_use


def identity(address: Mapping[str, object]) -> str:
    """The part of an address that makes it the same: a subscription's endpoint, an e-mail."""
    return str(address.get("endpoint") or address.get("address"))


def fingerprint(identity: str) -> bytes:
    """32 bytes that find a duplicate of ``identity`` (an endpoint, an e-mail)."""
    return fingerprints(identity)[0]


def fingerprints(identity: str) -> list[bytes]:
    """The fingerprint, then, during a rotation, the one of rows that the old key sealed."""
    return [
        hmac.new(derived_key("fingerprint", secret), identity.encode(), hashlib.sha256).digest()
        for secret in secrets_in_use()
    ]
