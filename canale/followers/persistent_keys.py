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
from canale.followers.models import PersistentKey
from canale.vault.keys import derived_key
from canale.vault.sealing import open_bytes, seal_bytes

# Their purposes, as in `derived_key`.
PERSISTENT = ("reader", "vapid")
_SEALED_FOR = "lasting keys"


@cache
def persistent_key(purpose: str) -> bytes:
    """32 bytes. Reads the database once in a process; raises VaultError."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return read_persistent_key(purpose)
    # Django asks no database in the event loop's thread. It waits, once, some milliseconds.
    with ThreadPoolExecutor(1, "persistent-key") as thread:
        try:
            return thread.submit(read_persistent_key, purpose).result()
        finally:
            # Looked up in the thread, which has a connection of its own.
            thread.submit(lambda: connection.close()).result()  # noqa: PLW0108


def read_persistent_key(purpose: str) -> bytes:
    row = PersistentKey.objects.filter(purpose=purpose).first()
    if row is None:
        return derived_key(purpose, settings.old_secret_key or settings.secret_key)
    return open_bytes(bytes(row.sealed), _SEALED_FOR, purpose.encode())[0]


def keep_persistent_keys() -> None:
    """Store those that are only derived so far, and seal all with today's key."""
    for purpose in PERSISTENT:
        store_persistent_key(purpose, read_persistent_key(purpose))


def store_persistent_key(purpose: str, key: bytes) -> None:
    sealed = seal_bytes(key, _SEALED_FOR, purpose.encode())
    PersistentKey.objects.update_or_create(purpose=purpose, defaults={"sealed": sealed})


def renew_persistent_key(purpose: str) -> None:
    """Replace a key by a random one: everything bound to the previous one is lost."""
    store_persistent_key(purpose, os.urandom(32))
