# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sealing every address again after CANALE_SECRET_KEY was changed (docs/decisions/0017).

It goes in batches, while the channel serves, and may be cut off at any moment: each row shows how
it is sealed, so that the next run does what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction

from canale.followers.addresses import delete_gone
from canale.followers.models import Address
from canale.vault.fingerprints import fingerprint, identity
from canale.vault.rotation import Resealed, SealedRow, reseal
from canale.vault.sealing import VaultError, open_sealed

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Progress:
    """After a batch: rows looked at, rows sealed again, ids of rows that no key opens."""

    seen: int
    resealed: int
    lost: tuple[int, ...]


def reseal_addresses(batch: int = BATCH) -> Iterator[Progress]:
    """One walk over all addresses, one transaction a batch."""
    after = 0
    while rows := list(Address.objects.filter(pk__gt=after).order_by("pk")[:batch]):
        resealed, lost = reseal(
            SealedRow(row.pk, bytes(row.sealed), row.kind, row.channel_id) for row in rows
        )
        _write(resealed)
        yield Progress(len(rows), len(resealed), tuple(row.id for row in lost))
        after = rows[-1].pk


def _write(resealed: list[Resealed]) -> None:
    """Only rows that are still as they were read: a device that follows again right now wins."""
    table = Address._meta.db_table
    statement = f'UPDATE "{table}" SET sealed = %s, fingerprint = %s WHERE id = %s AND sealed = %s'  # noqa: S608
    values = [
        (each.sealed, fingerprint(identity(each.address)), each.row.id, each.row.sealed)
        for each in resealed
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, values)
    except IntegrityError:
        if len(resealed) == 1:
            # A device that lost its cookie has followed again: its new row stays.
            delete_gone([resealed[0].row.id])
            return
        for each in resealed:
            _write([each])


def opens_any(sample: int = 100) -> bool:
    """Tell whether the keys belong to this database at all; True when it has no address."""
    rows = list(Address.objects.order_by("-pk")[:sample])
    for row in rows:
        with suppress(VaultError):
            open_sealed(bytes(row.sealed), row.kind, row.channel_id)
            return True
    return not rows
