# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/architecture.md draws the house that stands: its rooms, law and tables."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from django.apps import apps
from django.db.models import Model

from tests.structure.repository import files, text

PAGE = text(Path("docs/architecture.md"))
MODELS = {model.__name__: model for model in apps.get_models()}
_RELATION = re.compile(r"^  (\w+) (\|\|--o\{|\|\|--o\||\}o--o\{) (\w+) : ", re.MULTILINE)
_COLUMNS = re.compile(r"^  (\w+) \{\n(.*?)^  \}", re.MULTILINE | re.DOTALL)
# The attribute by which Django names the left side of each drawn relation.
_FIELDS = {"||--o{": "many_to_one", "||--o|": "one_to_one", "}o--o{": "many_to_many"}


def tables() -> str:
    found = re.search(r"```mermaid\nerDiagram\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def refers_to(model: type[Model], other: type[Model], relation: str) -> bool:
    return any(
        field.related_model is other and getattr(field, relation)
        for field in model._meta.get_fields()
        if not field.auto_created
    )


def test_every_package_is_on_the_page() -> None:
    rooms = {path.parts[1] for path in files(".py") if re.match(r"canale/\w+/", str(path))}
    assert len(rooms) > 10
    assert [room for room in sorted(rooms) if f"| `canale/{room}/` |" not in PAGE] == []


def test_path_of_a_post_has_at_most_20_functions_in_12_files() -> None:
    """Each stands where the table says; those in brackets are not counted."""
    table = re.search(r"^\| file \| functions \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table
    counted: list[tuple[str, str]] = []
    for file, functions in re.findall(r"^\| `(\S+\.py)` \| (.*) \|$", table[1], re.MULTILINE):
        names = re.findall(r"`([\w.]+)`", functions)
        assert [name for name in names if name not in defined(Path(file))] == [], file
        handing_on = re.sub(r"\(.*?\)", "", functions)
        counted += [(file, name) for name in re.findall(r"`([\w.]+)`", handing_on)]
    paths = {file for file, _ in counted}
    assert len(set(counted)) == len(counted) <= 20
    assert len(paths) <= 12
    assert f"These are {len(counted)} functions in {len(paths)} files" in PAGE


def defined(path: Path) -> set[str]:
    """Return the functions and the methods of a file, methods as Class.name."""
    functions: set[str] = set()
    for node in ast.parse(text(path)).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        functions |= {
            prefix + each.name
            for each in inner
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return functions


def test_import_rules_on_the_page_are_those_that_are_checked() -> None:
    project = tomllib.loads(text(Path("pyproject.toml")))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    drawn = re.search(r"\*\*The import law\*\*.*?```\n(.*?)```", PAGE, re.DOTALL)
    assert drawn
    assert [line.split("  ")[0] for line in drawn[1].splitlines()] == layers


def test_every_drawn_column_is_a_field() -> None:
    drawn = [
        (name, column.split()[1])
        for name, columns in _COLUMNS.findall(tables())
        for column in columns.strip().splitlines()
    ]
    assert len(drawn) > 20
    for name, column in drawn:
        MODELS[name]._meta.get_field(column)


def test_every_drawn_relation_is_a_foreign_key() -> None:
    drawn = _RELATION.findall(tables())
    assert len(drawn) == len(re.findall(r"^  \w+ \S+--", tables(), re.MULTILINE)) > 15
    wrong = [
        (left, sign, right)
        for left, sign, right in drawn
        if not refers_to(MODELS[right], MODELS[left], _FIELDS[sign])
        and not (sign == "}o--o{" and refers_to(MODELS[left], MODELS[right], _FIELDS[sign]))
    ]
    assert wrong == []
