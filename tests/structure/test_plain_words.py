# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The check of wording finds what it is meant to find."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.structure.plain_words import (
    exceptions,
    names,
    names_of_tests,
    script_comments,
    single_use_percent,
    wording,
    wording_of,
)

PATH = Path("canale/example.py")

SOURCE = '''
"""Whether it is open."""

# The queue is read
# What it holds stays.
limit = 1  # Of the queue
"""Where it ends."""

# As many as fit,
# read anew.
class Lost(ValueError): ...
class Gone(Lost): ...
class GoneError(Lost): ...

def shown(): return _once() + _twice() + _twice()
def _once(): return 1
def _twice(): return 2
'''


def test_bare_openings_and_abolished_words_are_found() -> None:
    findings = wording(PATH, SOURCE, ast.parse(SOURCE))

    assert [(found.rule, found.line) for found in findings] == [
        ("bare opening", 2),
        ("bare opening", 7),
        ("bare opening", 6),
        ("bare opening", 9),
        ("abolished word", 9),
    ]


def test_comments_of_scripts_are_read() -> None:
    source = """
const page = "https://example.org/ Of";
// The queue is read
// What it holds stays.
let limit = 1; // Whether it is open.
/** As many as fit,
 * read anew. */
"""
    findings = wording_of(Path("frontend/example.ts"), script_comments(source))

    assert [(found.rule, found.line) for found in findings] == [
        ("bare opening", 5),
        ("bare opening", 6),
        ("abolished word", 6),
    ]


def test_derived_exceptions_are_found_by_their_bases() -> None:
    findings = exceptions({PATH: ast.parse(SOURCE)})

    assert [found.message for found in findings] == ["Lost", "Gone"]


def test_abolished_names_are_found_where_they_are_defined() -> None:
    tree = ast.parse("class Grouped: ...\nclass GroupCommit: ...\nnew = Grouped()")

    assert [(found.line, found.message) for found in names(PATH, tree)] == [
        (1, "Grouped: say GroupCommit")
    ]


def test_riddles_and_long_names_of_tests_are_found() -> None:
    long = f"test_{'x' * 70}"
    tree = ast.parse(f"def test_who_waits(): ...\ndef test_queue_waits(): ...\ndef {long}(): ...")

    assert [(found.rule, found.line) for found in names_of_tests(PATH, tree)] == [
        ("test name", 1),
        ("test name", 3),
    ]


def test_helpers_called_once_are_counted() -> None:
    assert round(single_use_percent([ast.parse(SOURCE)])) == 33
