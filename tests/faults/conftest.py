# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cities for the faults, and the table of those that were survived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.broadcast import ENGINES, City, new_city
from tests.nats_server import PROGRAM

ROW = "survived"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "jetstream" and not PROGRAM:
        pytest.skip("nats-server is not installed (apt-get install nats-server)")
    return name


@pytest.fixture
def city(tmp_path: Path, engine: str) -> Iterator[City]:
    with new_city(tmp_path, engine) as made:
        yield made


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
