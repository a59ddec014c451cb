# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small changes to a source file: mutmut's operators, and a few that it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_TEXTS = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext", "cast"}
"""The translation tests hold these calls, and a changed wording of the log is no fault."""
_LOGS = ("log.", "logger.")
_UNMUTATED = (
    cst.Annotation,
    cst.Import,
    cst.ImportFrom,
    cst.Raise,
    cst.BaseParenthesizableWhitespace,
    cst.EmptyLine,
    cst.TrailingWhitespace,
)
_UNMUTATED_ARGUMENTS = {"summary", "description", "help_text", "verbose_name"}
_KEPT_DECORATORS = {"property", "overload", "override", "staticmethod", "classmethod"}


class Mutant(NamedTuple):
    path: Path
    line: int
    column: int
    module: cst.Module
    node: cst.CSTNode
    changed: cst.CSTNode

    @property
    def before(self) -> str:
        return _code(self.node)

    @property
    def after(self) -> str:
        return _code(self.changed)

    @property
    def source(self) -> str:
        """The whole file with the change."""
        changed = self.module.deep_replace(self.node, self.changed)
        return cst.ensure_type(changed, cst.Module).code

    @property
    def key(self) -> str:
        return f"{self.path}:{self.line}:{self.column} {self.after}"


def mutants(path: Path) -> dict[int, list[Mutant]]:
    """All mutants of a file, by line."""
    finder = _Finder()
    wrapper = MetadataWrapper(cst.parse_module(path.read_text()), unsafe_skip_copy=True)
    wrapper.visit(finder)
    by_line: dict[int, list[Mutant]] = {}
    for node, changed, line, column in finder.changes:
        mutant = Mutant(path, line, column, wrapper.module, node, changed)
        by_line.setdefault(line, []).append(mutant)
    return by_line


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[cst.CSTNode, cst.CSTNode, int, int]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_left_alone(node):
            return False
        for changed in _changes(node):
            start = self.get_metadata(PositionProvider, node).start
            self.changes.append((node, changed, start.line, start.column))
        return True


def _is_left_alone(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Arg):
        return bool(node.keyword and node.keyword.value in _UNMUTATED_ARGUMENTS)
    if isinstance(node, cst.Call):
        called = _code(node.func)
        return called in _TEXTS or called.startswith(_LOGS)
    if isinstance(node, cst.Expr):
        return isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString))
    return isinstance(node, _UNMUTATED)


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)
    if isinstance(node, cst.FunctionDef):
        yield from _without_a_decorator(node)
    elif isinstance(node, cst.SimpleStatementLine) and _is_deletable(node):
        yield node.with_changes(body=[cst.Pass()])
    elif isinstance(node, cst.If):
        test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))
    elif isinstance(node, cst.Return) and node.value and _code(node.value) != "None":
        yield node.with_changes(value=cst.Name("None"))


def _without_a_decorator(function: cst.FunctionDef) -> Iterator[cst.CSTNode]:
    for decorator in function.decorators:
        if _code(decorator.decorator) not in _KEPT_DECORATORS:
            kept = [other for other in function.decorators if other is not decorator]
            yield function.with_changes(decorators=kept)


def _is_deletable(line: cst.SimpleStatementLine) -> bool:
    statement = line.body[0]
    if isinstance(statement, cst.Expr):
        acts = isinstance(statement.value, (cst.Call, cst.Await, cst.Yield))
        return acts and not _is_left_alone(statement.value)
    return isinstance(statement, (cst.AugAssign, cst.Del, cst.Raise))


def _code(node: cst.CSTNode) -> str:
    text = cst.Module([]).code_for_node(node)
    return " ".join(line.strip() for line in text.splitlines() if line.strip())[:200]
