# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sealing every address anew after CANALE_SECRET_KEY was changed (docs/decisions/0017).

It goes in batches, while the channel serves, and may be cut off at any moment: a row says by
itself which key it is sealed with, so that the next run does what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction

from canale.followers.addresses import delete_gone
from canale.followers.models import Address
from canale.followers.vault import VaultError, fingerprint, identity, open_and_date, seal

BATCH = 1_000

# Every purpose of a derived key, and what a new CANALE_SECRET_KEY means for it.
PURPOSES = {
    "vault": "each address is sealed anew",
    "fingerprint": "each is made anew from its address",
    "second factors": "each is sealed anew",
    "lasting keys": "each is sealed anew",
    "reader": "lasts: kept sealed in the database",
    "vapid": "lasts: kept sealed in the database",
    "key id": "changes: it names the key",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """After a batch: rows looked at, rows sealed anew, rows that no key opens."""

    seen: int
    resealed: int
    lost: tuple[int, ...]


def reseal_addresses(batch: int = BATCH) -> Iterator[Progress]:
    """One walk over all addresses, one transaction a batch."""
    after = 0
    while rows := list(Address.objects.filter(pk__gt=after).order_by("pk")[:batch]):
        yield _reseal(rows)
        after = rows[-1].pk


def _reseal(rows: list[Address]) -> Progress:
    changed: list[tuple[bytes, bytes, int, bytes]] = []
    lost: list[int] = []
    for row in rows:
        sealed = bytes(row.sealed)
        try:
            address, today = open_and_date(sealed, row.kind, row.channel_id)
        except VaultError:
            lost.append(row.pk)
            continue
        if not today:
            anew = seal(address, row.kind, row.channel_id)
            changed.append((anew, fingerprint(identity(address)), row.pk, sealed))
    _write(changed)
    return Progress(len(rows), len(changed), tuple(lost))


def _write(changed: list[tuple[bytes, bytes, int, bytes]]) -> None:
    try:
        _update(changed)
    except IntegrityError:
        for row in changed:
            _write_one(row)


def _write_one(row: tuple[bytes, bytes, int, bytes]) -> None:
    """The same device may have followed again meanwhile, with a lost cookie: the new row stays."""
    try:
        _update([row])
    except IntegrityError:
        delete_gone([row[2]])


@transaction.atomic
def _update(changed: list[tuple[bytes, bytes, int, bytes]]) -> None:
    """Only what is still as it was read: who follows again at this moment wins."""
    table = Address._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f'UPDATE "{table}" SET sealed = %s, fingerprint = %s WHERE id = %s AND sealed = %s',  # noqa: S608
            changed,
        )


def opens_any(sample: int = 100) -> bool:
    """Whether the keys given belong to this database at all; True when it has no address."""
    rows = list(Address.objects.order_by("-pk")[:sample])
    return not rows or any(_opens(row) for row in rows)


def _opens(row: Address) -> bool:
    try:
        open_and_date(bytes(row.sealed), row.kind, row.channel_id)
    except VaultError:
        return False
    return True
