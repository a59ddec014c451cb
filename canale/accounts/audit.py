# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The log of what staff did: a chain in which no entry can be changed or taken out unseen.

Anyone can verify the chain. Its end is sealed, so that a chain that was cut off, or written anew by
somebody with the database but not the key, is not taken for ours.
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
# As in live.record: any number that no other program takes.
_CHAIN_LOCK = 0x617564697420


@dataclass(frozen=True, slots=True)
class Verification:
    """``broken_at`` is the first entry that does not fit the one before, if any; else a log that is
    not ``ok`` was cut off or written anew. ``end`` is the last entry's hash: who keeps it elsewhere
    can tell later that the log still holds it."""

    ok: bool
    entries: int
    broken_at: int | None
    end: str = field(default=GENESIS_HASH, compare=False)


def record(actor: str, act: str, channel_handle: str = "", **detail: object) -> AuditEntry:
    """Add an entry, inside the caller's transaction. ``detail`` is plain JSON about posts and
    settings, never about readers.

    It opens a transaction of its own where the caller has none, since the lock lasts until the end
    of one.
    """
    with transaction.atomic():
        _lock_chain()
        return _append(actor, act, channel_handle, detail)


def _lock_chain() -> None:
    """On PostgreSQL until the commit, so that two entries never follow the same one; SQLite has one
    writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])


def _append(actor: str, act: str, channel_handle: str, detail: dict[str, object]) -> AuditEntry:
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


def _move_head(former: str, newest: str) -> None:
    """A head that does not fit stays as it is: no honest entry makes a forged log good."""
    head = AuditHead.objects.filter(pk=1).first() or AuditHead(pk=1, entries=0, hash=GENESIS_HASH)
    if head.hash != former or not (_is_sealed(head) or former == GENESIS_HASH):
        logger.error("The audit log was changed: run `canale audit verify`")
        return
    head.entries, head.hash = head.entries + 1, newest
    head.seal = seal(head.entries, head.hash)
    head.save()


def _is_sealed(head: AuditHead) -> bool:
    """With today's key or, while that is being changed, with the one before; the next entry, which
    `canale rotate-key` makes, seals with today's."""
    secrets = filter(None, (settings.secret_key, settings.old_secret_key))
    seals = [seal(head.entries, head.hash, secret) for secret in secrets]
    return any(hmac.compare_digest(head.seal, one) for one in seals)


def seal(entries: int, end: str, secret: str = "") -> str:
    """Of a chain so long that ends so."""
    key = hmac.digest((secret or settings.secret_key).encode(), b"canale audit", "sha256")
    return hmac.digest(key, f"{entries} {end}".encode(), "sha256").hex()


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256, in hexadecimal, of all that the entry says and the hash of the one before."""
    said = {
        "previous": entry.previous_hash,
        "at": entry.at.isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "act": entry.act,
        "channel": entry.channel,
        "detail": entry.detail,
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify() -> Verification:
    """Walk the whole chain."""
    previous, count = GENESIS_HASH, 0
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1_000):
        if entry.previous_hash != previous or entry_hash(entry) != entry.hash:
            return Verification(False, count, entry.pk)
        previous, count = entry.hash, count + 1
    return Verification(_ends_so(count, previous), count, None, previous)


def _ends_so(entries: int, end: str) -> bool:
    head = AuditHead.objects.filter(pk=1).first()
    if head is None:
        # Before the first act; an account is made by one.
        return entries == 0 and not Staff.objects.exists()
    return (head.entries, head.hash) == (entries, end) and _is_sealed(head)
