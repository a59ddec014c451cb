# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""bin/test runs every test: on SQLite, or else on PostgreSQL by a mark that says so. Those that it
leaves to the long form are run by bin/soak."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.structure.repository import files, text

TWICE = (Path("tests/flows"), Path("tests/units"))
"""The folders that bin/test asks for tests marked `postgres`."""


def _decorators_and_calls(path: Path, name: str) -> list[ast.Call]:
    """Calls of ``….name(…)`` in a file."""
    return [
        node
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    ]


def _tests() -> list[Path]:
    return [path for path in files(".py") if path.parts[0] == "tests"]


def test_tests_are_skipped_without_postgresql_by_the_mark_only() -> None:
    """Any other condition could skip it in the run on PostgreSQL too, or keep it out of that."""
    conditions = [
        (path, ast.unparse(call.args[0]))
        for path in _tests()
        if path.parent in TWICE
        for call in _decorators_and_calls(path, "skipif")
    ]
    of_databases = [
        (path, condition)
        for path, condition in conditions
        if any(word in condition for word in ("POSTGRESQL", "DATABASE_URL", "vendor", "SERVER"))
    ]
    assert of_databases
    assert [found for found in of_databases if found[1] != "ON_POSTGRESQL"] == []


def test_marked_tests_are_in_folders_that_run_on_postgresql() -> None:
    marked = {path for path in _tests() if "mark.postgres" in text(path)}
    marked -= {Path("tests/structure/test_marks.py")}
    assert {path.parent for path in marked} == set(TWICE)
    run = next(line for line in text(Path("bin/test")).splitlines() if "grep -rl" in line)
    assert {Path(word) for word in run.split() if word.startswith("tests/")} == set(TWICE)


def test_soak_runs_every_file_that_has_a_long_form() -> None:
    soak = text(Path("bin/soak"))
    run = re.findall(r"tests/\S+", re.sub(r"(\S+){(\S+)}(\S+)", _spelled_out, soak))
    longer = [
        str(path)
        for path in _tests()
        if path.name.startswith("test_")
        and path != Path("tests/structure/test_marks.py")
        and re.search(r"mark\.long|in_looks\(|SOAK", text(path))
    ]
    assert len(longer) > 10
    assert [path for path in longer if not path.startswith(tuple(run))] == []


def _spelled_out(found: re.Match[str]) -> str:
    """Bash's `a{b,c}d`."""
    before, names, after = found.groups()
    return " ".join(f"{before}{name}{after}" for name in names.split(","))
