# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Migrations run while the version before still serves: they lock no big table and break nothing
that is running (docs/operate.md, Upgrade)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import Model

from tests.postgresql_server import programs
from tests.structure.repository import ROOT

APPS = ("channel", "followers", "reactions", "accounts", "delivery", "live", "previews")
# Migrations that the linter would refuse, by name, with the reason why they are safe all the same.
EXEMPT: dict[str, str] = {}

needs_postgresql = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")

HARMFUL = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = {initial}
    dependencies = {dependencies}
    operations = [{operation}]
"""
TABLE = "migrations.CreateModel('Thing', [('id', models.BigAutoField(primary_key=True))])"
HARMS = {
    "NOT_NULL": "migrations.AddField('Thing', 'a', models.IntegerField(default=1))",
    "RENAME_TABLE": "migrations.AlterModelTable('Thing', 'other')",
    "CREATE_INDEX": "migrations.AddIndex('Thing', models.Index(fields=['id'], name='by_id'))",
}


def lint(folder: Path, *arguments: str, also: str = "") -> subprocess.CompletedProcess[str]:
    """On PostgreSQL, whose statements are the ones that matter; SQLite has one city's size."""
    command = [
        "bin/with-postgresql", "sh", "-c",
        'CANALE_DATABASE_URL=$TEST_DATABASE_URL exec "$@"', "lint",
        sys.executable, "-m", "django", "lintmigrations", "--settings", "tests.migration_settings",
        "--no-cache", "--warnings-as-errors", "--project-root-path", str(folder), *arguments,
        # Names of arguments lock no table.
        "--exclude-migration-tests", "RUNPYTHON_ARGS_NAMING_CONVENTION",
    ]  # fmt: skip
    environment = {**os.environ, "LINT_ALSO": also, "PYTHONPATH": f"{ROOT}:{folder}"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_no_field_has_an_index_with_which_another_begins() -> None:
    """The other one answers the same queries, and each costs every write."""
    twice = []
    for model in _models():
        own = [field for field in model._meta.local_fields if field.db_index and not field.unique]
        first = _first_fields(model)
        twice += [f"{model.__name__}.{field.name}" for field in own if field.name in first]
    assert twice == []


def test_every_foreign_key_begins_an_index() -> None:
    """To delete a channel or a post, the database looks for the rows that belong to it."""
    without = []
    for model in _models():
        keys = [field for field in model._meta.local_fields if field.is_relation]
        first = _first_fields(model)
        without += [
            f"{model.__name__}.{key.name}"
            for key in keys
            if not (key.db_index or key.unique or key.name in first)
        ]
    assert without == []


def _models() -> list[type[Model]]:
    """Return our models, with the tables between two of them."""
    configs = [apps.get_app_config(app) for app in APPS]
    return [model for config in configs for model in config.get_models(include_auto_created=True)]


def _first_fields(model: type[Model]) -> set[str]:
    """Return the fields with which an index of the whole table begins, besides their own."""
    others = [*model._meta.constraints, *model._meta.indexes]
    whole = [other for other in others if getattr(other, "condition", None) is None]
    return {other.fields[0] for other in whole if getattr(other, "fields", None)}


@pytest.mark.django_db
def test_every_model_change_has_a_migration() -> None:
    call_command("makemigrations", *APPS, "--check", "--dry-run")


@needs_postgresql
def test_migrations_are_safe_on_a_live_system() -> None:
    ignored = ["--ignore-name", *EXEMPT] if EXEMPT else []
    done = lint(ROOT, "--include-apps", *APPS, *ignored)
    assert done.returncode == 0, done.stdout + done.stderr
    for app in APPS:
        assert f"({app}, 0001_initial)... OK" in done.stdout


@needs_postgresql
def test_harmful_migrations_are_found(tmp_path: Path) -> None:
    for number, (name, operation) in enumerate(HARMS.items()):
        app = f"harmful{number}"
        folder = tmp_path / app / "migrations"
        folder.mkdir(parents=True)
        (tmp_path / app / "__init__.py").touch()
        (folder / "__init__.py").touch()
        first = HARMFUL.format(initial=True, dependencies=[], operation=TABLE)
        (folder / "0001_initial.py").write_text(first)
        second = HARMFUL.format(
            initial=False, dependencies=[(app, "0001_initial")], operation=operation
        )
        (folder / f"0002_{name.lower()}.py").write_text(second)
    apps = [f"harmful{number}" for number in range(len(HARMS))]
    done = lint(tmp_path, "--include-apps", *apps, also=" ".join(apps))
    assert done.returncode != 0
    for number, name in enumerate(HARMS):
        assert f"(harmful{number}, 0002_{name.lower()})... ERR" in done.stdout, done.stdout
