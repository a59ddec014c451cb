# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A fixed size for what is sealed: a ciphertext is as long as its plaintext.

Endpoints of push services differ in length (Google 188 characters, Apple 198, Mozilla 234,
Microsoft 400 to 500): without padding, the length of a row would name the browser.
docs/decisions/0054 explains the sizes.

The padding is that of ISO/IEC 7816-4: a byte 80, then zeros.
"""

from __future__ import annotations

# The first holds every address that a push service gives, with room; the second the longest that
# the API accepts.
SIZES = (896, 2_304)

_MARK = b"\x80"


def pad(plain: bytes) -> bytes:
    """Fill up to the smallest size that holds it. Raises ValueError if none does."""
    for size in SIZES:
        if len(plain) < size:
            return (plain + _MARK).ljust(size, b"\0")
    raise ValueError(f"{len(plain)} bytes to seal; at most {SIZES[-1] - 1} fit")


def unpad(stored: bytes) -> tuple[bytes, bool]:
    """Take the padding off, and say whether there was any.

    What was sealed before there was padding comes back as it is: it is JSON, a password or 32
    random bytes, and none of these both has one of the sizes and ends like padding.
    """
    if len(stored) in SIZES:
        plain, mark, zeros = stored.rpartition(_MARK)
        # Once a message: count() takes a quarter of the time of strip().
        if mark and zeros.count(0) == len(zeros):
            return plain, True
    return stored, False
