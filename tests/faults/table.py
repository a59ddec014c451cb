# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table of the faults that were survived, at the end of a run.

A plugin: where several processes run the tests, the one that writes the summary opens no test file
and no conftest.py beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

ROW = "survived"

_seen: Counter[str] = Counter()


def saw(*, reached: int = 0, twice: int = 0, not_told: int = 0) -> None:
    """Add to the totals beside the test's name: followers reached, reached twice, and, for a
    withdrawn post, not told."""
    for word, number in (("reached", reached), ("twice", twice), ("withdrawn in time", not_told)):
        _seen[word] += number


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    _seen.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and report.passed and Path(item.path).parent == Path(__file__).parent:
        seen = [f"{number:,} {word}" for word, number in _seen.items() if number or word == "twice"]
        said = ", ".join([*seen, f"{call.duration:.0f} s"])
        report.user_properties.append((ROW, f"{item.name}: {said}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    survived = [
        said
        for report in terminalreporter.stats.get("passed", [])
        for name, said in report.user_properties
        if name == ROW
    ]
    if survived:
        terminalreporter.section("faults survived")
        for said in sorted(survived):
            fault, _, outcome = said.removeprefix("test_").rpartition(": ")
            terminalreporter.write_line(f"{fault.replace('_', ' '):<72} {outcome}")
