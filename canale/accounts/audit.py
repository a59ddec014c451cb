# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The log of what staff did: a chain in which no entry can be changed or taken out unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from canale.accounts.models import AuditEntry

FIRST = "0" * 64
# As in live.record: any number that no other program takes.
_CHAIN_LOCK = 0x617564697420


@dataclass(frozen=True, slots=True)
class Verification:
    """``broken_at`` is the first entry that does not fit the one before, if any."""

    ok: bool
    entries: int
    broken_at: int | None


@transaction.atomic
def record(actor: str, act: str, channel_handle: str = "", **detail: object) -> AuditEntry:
    """Add an entry, inside the caller's transaction. ``detail`` is plain JSON about posts and
    settings, never about readers.

    On PostgreSQL it holds a lock until the commit, so that two entries never follow the same
    one; SQLite has one writer at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    newest = AuditEntry.objects.order_by("-id").values_list("hash", flat=True).first()
    entry = AuditEntry(
        at=timezone.now(),
        actor=actor,
        act=act,
        channel=channel_handle,
        detail=detail,
        previous_hash=newest or FIRST,
    )
    entry.hash = entry_hash(entry)
    entry.save()
    return entry


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
    previous, count = FIRST, 0
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1_000):
        if entry.previous_hash != previous or entry_hash(entry) != entry.hash:
            return Verification(False, count, entry.pk)
        previous, count = entry.hash, count + 1
    return Verification(True, count, None)
