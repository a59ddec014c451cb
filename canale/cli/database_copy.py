# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Copies tables from one database to another and compares every row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections
from django.db import models as django_models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Jsonb

from canale.cli.commands import CommandError

# Rows held in memory at once; an image may have half a megabyte.
CHUNK = 100
TELL_EVERY = 50_000
Model = type[django_models.Model]
Row = tuple[Any, ...]


def models() -> list[Model]:
    """Return the models of all tables, ours and our packages', including many-to-many ones."""
    models = apps.get_models(include_auto_created=True)
    return [model for model in models if model._meta.managed and not model._meta.proxy]


def refuse_unless_empty(models: list[Model], target: BaseDatabaseWrapper) -> None:
    """Raise CommandError unless the database holds nothing but what `migrate` writes."""
    for model in models:
        made_by_migrate = model is ContentType or model._meta.label == "auth.Permission"
        if not made_by_migrate and model._base_manager.using(target.alias).exists():
            table = model._meta.db_table
            raise CommandError(f"the target is not empty: its table {table} has rows")


def empty(models: list[Model], target: BaseDatabaseWrapper) -> None:
    tables = ", ".join(target.ops.quote_name(model._meta.db_table) for model in models)
    with target.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}")


def copy(model: Model, tell: Callable[[str], None]) -> int:
    """Write a table's rows to the target and compare what it then holds. Raises CommandError."""
    table = model._meta.db_table
    total = model._base_manager.count()
    written, expected = _write(model, total, tell)
    digest, count = hashlib.sha256(), 0
    for row in rows(model, "target"):
        digest.update(canonical(row))
        count += 1
    if (count, digest.hexdigest()) != (written, expected) or count != total:
        pairs = zip(rows(model, "default"), rows(model, "target"), strict=False)
        differing = (here for here, there in pairs if canonical(here) != canonical(there))
        first = next((f"; the first row that differs is {row[0]}" for row in differing), "")
        raise CommandError(
            f"nothing was moved: {table} differs ({total} rows here, {count} there){first}"
        )
    tell(f"{table}: {count} rows, the same on both sides")
    return count


def rows(model: Model, alias: str) -> Iterator[Row]:
    """All rows in the order of their keys, as Python values, a chunk in memory at a time."""
    names = [field.attname for field in model._meta.concrete_fields]
    query = model._base_manager.using(alias).order_by("pk").values_list(*names)
    for row in query.iterator(chunk_size=CHUNK):
        yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _write(model: Model, total: int, tell: Callable[[str], None]) -> tuple[int, str]:
    """Write all rows by COPY, the fastest way. Return their number and digest."""
    target = connections["target"]
    fields = model._meta.concrete_fields
    columns = ", ".join(target.ops.quote_name(field.column or "") for field in fields)
    as_json = [isinstance(field, django_models.JSONField) for field in fields]
    digest, count = hashlib.sha256(), 0
    with target.cursor() as cursor:
        into = f"COPY {target.ops.quote_name(model._meta.db_table)} ({columns}) FROM STDIN"
        with cursor.copy(into) as copying:
            for row in rows(model, "default"):
                digest.update(canonical(row))
                count += 1
                copying.write_row([Jsonb(v) if j else v for v, j in zip(row, as_json, strict=True)])
                if count % TELL_EVERY == 0:
                    tell(f"{model._meta.db_table}: {count} of {total}")
    return count, digest.hexdigest()


def canonical(row: Row) -> bytes:
    """Encode a row; equal rows give equal bytes, whichever database they came from."""
    parts = [_canonical(value) for value in row]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _canonical(value: object) -> bytes:
    match value:
        case None:
            return b"n"
        case bool():
            return b"b1" if value else b"b0"
        case bytes():
            return b"x" + value
        case str():
            return b"s" + value.encode()
        case datetime():
            return b"t" + repr(value.timestamp()).encode()
        case date():
            return b"d" + value.isoformat().encode()
        case dict() | list():
            return b"j" + json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
        case _:
            return f"{type(value).__name__}:{value}".encode()


def set_sequences(
    models: list[Model], source: BaseDatabaseWrapper, target: BaseDatabaseWrapper
) -> None:
    """Continue after every number ever used, also by deleted rows: an open page asks for events
    after the last number that it has seen."""
    with source.cursor() as cursor:
        cursor.execute("SELECT name, seq FROM sqlite_sequence")
        ours = {model._meta.db_table for model in models}
        last_given = {name: number for name, number in cursor.fetchall() if name in ours}
    with target.cursor() as cursor:
        for statement in target.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
        for table, number in last_given.items():
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [f'"{table}"'])
            sequence = cursor.fetchone()
            if sequence and sequence[0] and number:
                # The last one used, or what Django set, whichever is greater.
                cursor.execute(
                    f"SELECT setval(%s, GREATEST(%s, (SELECT last_value FROM {sequence[0]})))",  # noqa: S608
                    [sequence[0], number],
                )
