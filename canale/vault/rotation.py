# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sealing rows again after CANALE_SECRET_KEY was changed (docs/decisions/0017).

The room that owns a table gives its rows and writes what comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from canale.vault.sealing import VaultError, open_and_check, seal


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row as it was read."""

    id: int
    sealed: bytes
    kind: str
    channel_id: int


@dataclass(frozen=True, slots=True)
class Resealed:
    """A row to write: how it is sealed now, and its opened address, for what else follows."""

    row: SealedRow
    sealed: bytes
    address: dict[str, object]


def reseal(rows: Iterable[SealedRow]) -> tuple[list[Resealed], list[SealedRow]]:
    """Seal again what an old key sealed or what is not padded.

    Gives those rows, and the rows that no key opens. All others need nothing.
    """
    resealed: list[Resealed] = []
    lost: list[SealedRow] = []
    for row in rows:
        try:
            address, is_current = open_and_check(row.sealed, row.kind, row.channel_id)
        except VaultError:
            lost.append(row)
            continue
        if not is_current:
            sealed = seal(address, row.kind, row.channel_id)
            resealed.append(Resealed(row, sealed, address))
    return resealed, lost
