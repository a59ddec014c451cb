# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Telling clients apart without keeping their addresses."""

import hashlib
import ipaddress
import secrets
from collections.abc import Callable


def salted_key() -> Callable[[str], bytes]:
    """A hash of a client's address whose salt lives only as long as this process.

    An IPv6 client is its /64 network: one subscriber has all of it.
    """
    salt = secrets.token_bytes(16)

    def key(address: str) -> bytes:
        return hashlib.blake2b(_network(address).encode(), digest_size=8, key=salt).digest()

    return key


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
