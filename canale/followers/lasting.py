# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keys that must not change when CANALE_SECRET_KEY does.

Every subscription is bound to the push identity (RFC 8292, section 4), and what is kept of a
reader's cookie cannot be hashed again without the cookie. Until the first rotation both follow from
the secret key, and nothing is stored; the first rotation keeps them in the database, sealed.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.db import connection

from canale.core.settings import settings
from canale.followers.models import LastingKey
from canale.vault.keys import derived_key
from canale.vault.sealing import open_bytes, seal_bytes

# Purpose of each, as in `derived_key`.
LASTING = ("reader", "vapid")
_SEALED_FOR = "lasting keys"


@cache
def lasting_key(purpose: str) -> bytes:
    """32 bytes. Reads the database once in a process; raises VaultError."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return read_lasting_key(purpose)
    # Django asks no database in the event loop's thread. It waits, once, some milliseconds.
    with ThreadPoolExecutor(1, "lasting-key") as thread:
        return thread.submit(_read_and_close, purpose).result()


def _read_and_close(purpose: str) -> bytes:
    try:
        return read_lasting_key(purpose)
    finally:
        connection.close()


def read_lasting_key(purpose: str) -> bytes:
    row = LastingKey.objects.filter(purpose=purpose).first()
    if row is None:
        return derived_key(purpose, settings.old_secret_key or settings.secret_key)
    return open_bytes(bytes(row.sealed), _SEALED_FOR, purpose.encode())[0]


def keep_lasting_keys() -> None:
    """Store those that are only derived so far, and seal all with today's key."""
    for purpose in LASTING:
        store_lasting_key(purpose, read_lasting_key(purpose))


def store_lasting_key(purpose: str, key: bytes) -> None:
    sealed = seal_bytes(key, _SEALED_FOR, purpose.encode())
    LastingKey.objects.update_or_create(purpose=purpose, defaults={"sealed": sealed})


def renew_lasting_key(purpose: str) -> None:
    """Replace a key by a random one: everything bound to the previous one is lost."""
    store_lasting_key(purpose, os.urandom(32))
