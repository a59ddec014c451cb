# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keys that tell clients apart without storing their addresses."""

import hashlib
import secrets
from collections.abc import Callable

from canale.net.rate_limits import carrier_of


def salted_key() -> Callable[[str], bytes]:
    """Return a function that hashes a client's address with a salt of this process alone.

    An IPv6 client is its /48 network: one subscriber may have all of it, and with ten of its
    65,536 smaller ones could take every place there is.
    """
    salt = secrets.token_bytes(16)

    def key(address: str) -> bytes:
        return hashlib.blake2b(carrier_of(address).encode(), digest_size=8, key=salt).digest()

    return key
