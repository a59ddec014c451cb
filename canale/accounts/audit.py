# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The audit log of what staff did: a hash chain that shows any change or removal of an entry.

Anyone can verify the chain. Its end is sealed with a key outside the database, so that an attacker
with the database alone can neither truncate the log nor forge another one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone

from canale.accounts.models import AuditEntry, AuditHead, Staff
from canale.core.settings import settings

logger = logging.getLogger(__name__)
GENESIS_HASH = "0" * 64
# An arbitrary number that no other program uses for an advisory lock.
_CHAIN_LOCK = 0x617564697420


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of walking the chain.

    ``broken_at`` is the first entry that does not fit its predecessor. If it is None and ``ok`` is
    false, the log was truncated or rewritten. ``end`` is the hash of the last entry: a copy kept
    elsewhere proves later that the log still contains it.
    """

    ok: bool
    entries: int
    broken_at: int | None
    end: str = field(default=GENESIS_HASH, compare=False)


def record(actor: str, act: str, channel_handle: str = "", **detail: object) -> AuditEntry:
    """Append an entry. ``detail`` is plain JSON about posts and settings, never about readers.

    Joins the caller's transaction, or opens one: the lock on the chain lasts until its end.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Two entries must not follow the same one. SQLite has a single writer anyway.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
        newest = AuditEntry.objects.order_by("-id").values_list("hash", flat=True).first()
        entry = AuditEntry(
            at=timezone.now(),
            actor=actor,
            act=act,
            channel=channel_handle,
            detail=detail,
            previous_hash=newest or GENESIS_HASH,
        )
        entry.hash = entry_hash(entry)
        entry.save()
        _move_head(entry.previous_hash, entry.hash)
        return entry


def _move_head(previous: str, newest: str) -> None:
    """Seal the new end, unless the old one does not fit: an entry must not repair a forged log."""
    head = AuditHead.objects.filter(pk=1).first() or AuditHead(pk=1, entries=0, hash=GENESIS_HASH)
    if head.hash != previous or not (_is_sealed(head) or previous == GENESIS_HASH):
        logger.error("The audit log was tampered with; run `canale audit verify`")
        return
    head.entries, head.hash = head.entries + 1, newest
    head.seal = seal(head.entries, head.hash)
    head.save()


def _is_sealed(head: AuditHead) -> bool:
    """Check the seal with the current key and, during a rotation, with the old one.

    The entry that `canale rotate-key` appends is sealed with the current key.
    """
    secrets = filter(None, (settings.secret_key, settings.old_secret_key))
    return any(
        hmac.compare_digest(head.seal, seal(head.entries, head.hash, secret)) for secret in secrets
    )


def seal(entries: int, end: str, secret: str = "") -> str:
    """Return the HMAC of a chain's length and last hash."""
    key = hmac.digest((secret or settings.secret_key).encode(), b"canale audit", "sha256")
    return hmac.digest(key, f"{entries} {end}".encode(), "sha256").hex()


def entry_hash(entry: AuditEntry) -> str:
    """Return the SHA-256, in hexadecimal, of the entry's fields and its predecessor's hash."""
    fields = {
        "previous": entry.previous_hash,
        "at": entry.at.isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "act": entry.act,
        "channel": entry.channel,
        "detail": entry.detail,
    }
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify() -> Verification:
    """Walk the whole chain and check its head."""
    previous, count = GENESIS_HASH, 0
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1_000):
        if entry.previous_hash != previous or entry_hash(entry) != entry.hash:
            return Verification(False, count, entry.pk)
        previous, count = entry.hash, count + 1
    head = AuditHead.objects.filter(pk=1).first()
    if head is None:
        # Nothing was recorded yet; the first account already leaves an entry.
        ok = count == 0 and not Staff.objects.exists()
    else:
        ok = (head.entries, head.hash) == (count, previous) and _is_sealed(head)
    return Verification(ok, count, None, previous)
