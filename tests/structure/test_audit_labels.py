# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every recorded action has a label in the log page, and every label an action."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from canale.newsroom.audit_labels import ACTS, DETAILS
from tests.structure.repository import ROOT, files

NAMES = re.compile(r"[a-z_]+\.[a-z_]+")
HERE = Path("canale/newsroom/audit_labels.py")


def _trees() -> Iterator[ast.Module]:
    for path in files(".py"):
        if path.parts[0] == "canale" and path != HERE and "migrations" not in path.parts:
            yield ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _recordings() -> Iterator[ast.Call]:
    """Calls of `record(…)` and `audit.record(…)` with an actor and an act."""
    for tree in _trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name == "record":
                yield node


def _said() -> set[str]:
    """Every text that has the form of an act, whose first word is that of one."""
    nouns = {act.partition(".")[0] for act in ACTS}
    nouns |= {_text(call.args[1]).partition(".")[0] for call in _recordings()}
    texts = {_text(node) for tree in _trees() for node in ast.walk(tree)}
    return {one for one in texts if NAMES.fullmatch(one) and one.partition(".")[0] in nouns}


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_audit_action_has_a_label() -> None:
    assert len(list(_recordings())) > 10
    assert _said() == set(ACTS)


def test_every_audit_detail_has_a_label() -> None:
    named = {word.arg for call in _recordings() for word in call.keywords}
    assert named == set(DETAILS)
