# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The results of a part: tables of rows, and figures beside what was promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.rounds import median


@dataclass(frozen=True)
class Column:
    """A column; `key` names a value in the rounds' measurements."""

    key: str
    title: str
    digits: int = 0


@dataclass(frozen=True)
class Row:
    """One contender in one case; `values` holds one number per round for each column's key."""

    name: str
    values: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A key number with one value per round: a ratio, or one with a promise."""

    what: str
    values: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None
    digits: int = 2
    unit: str = ""

    @property
    def promised(self) -> bool:
        return self.at_least is not None or self.at_most is not None

    @property
    def met(self) -> bool | None:
        """Return None if nothing was promised or nothing was measured."""
        if not self.promised or not self.values:
            return None
        middle = median(self.values)
        return (self.at_least is None or middle >= self.at_least) and (
            self.at_most is None or middle <= self.at_most
        )


@dataclass(frozen=True)
class Part:
    """The results of a part.

    `notes` are sentences (Markdown) on the method and its bounds; `absent` are the contenders that
    did not run, and why.
    """

    name: str
    title: str
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Part:
        tables = [
            Table(
                table["title"],
                [Column(**column) for column in table["columns"]],
                [Row(**row) for row in table["rows"]],
                table["note"],
            )
            for table in data["tables"]
        ]
        figures = [Figure(**figure) for figure in data["figures"]]
        return cls(**{**data, "tables": tables, "figures": figures})
