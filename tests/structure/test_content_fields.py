# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A new field of a post costs five edits: its column, `Content`, the API's schema, the newsroom's
form and the command line. Everything else goes through `Content`, field by field."""

from __future__ import annotations

import ast
import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from canale.publishing.content import Content
from tests.structure.repository import files, text

FIELDS = {field.name for field in dataclasses.fields(Content)}
MAX_MODULES = 5
# A module that names fewer has another use for these words, or looks at one field.
MIN_FIELDS = 4
# Its posts are examples: they need no edit for a new field.
EXAMPLES = {Path("canale/cli/demo.py"), Path("canale/cli/demo_posts.py")}


def _named(tree: ast.AST) -> Iterator[str]:
    """Yield the fields that a module writes or lists: reading an attribute is free."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name)) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Constant(value=str(value)):
                yield value.removeprefix("--").replace("-", "_")
            case ast.ClassDef(body=body):
                for line in body:
                    if isinstance(line, ast.Assign):
                        yield from (name.id for name in line.targets if isinstance(name, ast.Name))


def test_few_modules_list_the_fields_of_a_post() -> None:
    modules: dict[str, list[str]] = defaultdict(list)
    for path in files(".py"):
        if path.parts[0] != "canale" or "migrations" in path.parts or path in EXAMPLES:
            continue
        listed = FIELDS & set(_named(ast.parse(text(path))))
        if len(listed) >= MIN_FIELDS:
            for field in listed:
                modules[field].append(str(path))
    assert modules.keys() == FIELDS
    assert {field: found for field, found in modules.items() if len(found) > MAX_MODULES} == {}
