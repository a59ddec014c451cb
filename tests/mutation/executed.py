# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tests that execute a line: measured once, kept in build/mutation."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

FOLDER = Path("build/mutation")
_CONFIGURATION = """
[run]
source = canale
data_file = {data}
patch = subprocess
parallel = true
sigterm = true
context = {context}
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Loaded with `-p tests.mutation.executed`: lines of fixtures count as the test's."""
    measuring = coverage.Coverage.current()
    if measuring:
        measuring.switch_context(item.nodeid)
    return (yield)


def measure(target: Path) -> str:
    """Run a test file, or a folder, and keep the lines it executes, in subprocesses too."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = (FOLDER / f"{str(target).replace('/', '-')}.coverage").resolve()
    data.unlink(missing_ok=True)
    configuration = data.with_suffix(".ini")
    configuration.write_text(_CONFIGURATION.format(data=data, context=target))
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={configuration}", "-m", "pytest"]
    options = ["-q", "-p", "tests.mutation.executed", "-m", "not postgres and not browser"]
    done = subprocess.run(
        [*command, *options, str(target)], capture_output=True, text=True, check=False
    )
    subprocess.run(
        [sys.executable, "-m", "coverage", "combine", "-q", f"--rcfile={configuration}"],
        check=False,
    )
    configuration.unlink()
    return (done.stdout or done.stderr).strip().splitlines()[-1]


class Executed:
    """For each line, the unit tests and the files of other tests that execute it."""

    def __init__(self) -> None:
        self._by_line: dict[tuple[str, int], set[str]] = {}
        self._by_file: dict[str, set[str]] = {}
        self._imported: set[tuple[str, int]] = set()
        self._size: Counter[str] = Counter()
        for path in FOLDER.glob("*.coverage"):
            data = coverage.CoverageData(str(path))
            data.read()
            for measured in data.measured_files():
                name = str(Path(measured).relative_to(Path.cwd()))
                self._take(name, data.contexts_by_lineno(measured))

    def _take(self, name: str, by_line: dict[int, list[str]]) -> None:
        for line, contexts in by_line.items():
            for target, _, test in (context.partition("|") for context in contexts):
                if not test:
                    self._imported.add((name, line))
                chosen = test if test and target.startswith("tests/units") else target
                if "::" in chosen or chosen.endswith(".py"):
                    self._by_line.setdefault((name, line), set()).add(chosen)
                    self._by_file.setdefault(name, set()).add(chosen)
                    self._size[chosen] += 1

    def some(self, count: int) -> list[str]:
        """A few unit tests, spread over the files."""
        tests = sorted(test for test in self._size if "::" in test)
        return tests[:: max(1, len(tests) // count)]

    def by(self, path: Path, line: int) -> tuple[list[str], list[str]]:
        """Unit tests, the most specific first, and files of flows. A line that runs while its
        module is imported belongs to every test that executes something of the file.
        """
        lines = [(str(path), number) for number in _statement(path.read_text(), line)]
        tests = set[str]().union(*(self._by_line.get(key, set()) for key in lines))
        if any(key in self._imported for key in lines):
            tests |= self._by_file.get(str(path), set())
        ordered = sorted(tests, key=lambda test: (self._size[test], test))
        return [t for t in ordered if "::" in t], [t for t in ordered if "::" not in t]


def _statement(source: str, line: int) -> range:
    """The lines of the smallest statement around a line, without its indented body."""
    found = range(line, line + 1)
    smallest = len(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            body = getattr(node, "body", None)
            last = max(body[0].lineno - 1, node.lineno) if body else node.end_lineno or node.lineno
            if first <= line <= last and last - first < smallest:
                found, smallest = range(first, last + 1), last - first
    return found
