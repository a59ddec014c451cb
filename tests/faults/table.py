# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table of the faults that were survived, at the end of a run.

A plugin: where several processes run the tests, the one that writes the summary opens no test file
and no conftest.py beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROW = "survived"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call" and report.passed and Path(item.path).parent == Path(__file__).parent:
        report.user_properties.append((ROW, f"{item.name} ({call.duration:.0f} s)"))
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
            terminalreporter.write_line(said.removeprefix("test_").replace("_", " "))
