# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The benchmark's own arithmetic: turns, medians, promises, the page that is written."""

import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import __main__ as main
from bench import growth, live, process, report
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import CannotRunError, Measured, interleaved, percentile, ratios

PART = Part(
    "live",
    "Live",
    tables=[Table("8,000", [Column("rate", "per s")], [Row("canale", {"rate": [3.0, 1.0, 2.0]})])],
    figures=[
        Figure("ratio", [1.2, 1.1, 1.3], at_least=1.15),
        Figure("memory", [4.0], at_most=3.0, unit="KB"),
        Figure("not promised", [7.0]),
    ],
    notes=["On loopback."],
    versions={"nginx": "1.22"},
)


def test_contenders_alternate_and_swap_order() -> None:
    turns: list[str] = []

    def contender(name: str) -> dict[str, float]:
        turns.append(name)
        return {"place": len(turns)}

    contenders = {name: (lambda name=name: contender(name)) for name in ("a", "b", "c")}
    measured = interleaved(contenders, 3)
    assert "".join(turns) == "abccbaabc"
    assert measured["a"] == {"place": [1, 6, 7]}


def test_peer_that_cannot_run_is_left_out() -> None:
    rounds = {"canale": 0, "peer": 0}

    def contender(name: str) -> dict[str, float]:
        rounds[name] += 1
        if name == "peer" and rounds[name] == 2:
            raise CannotRunError("not installed; do so first: apt-get install peer")
        return {"rate": 1.0}

    contenders = {name: (lambda name=name: contender(name)) for name in rounds}
    measured = interleaved(contenders, 4, peers=["peer"])
    assert rounds == {"canale": 4, "peer": 2}
    assert measured.absent == {"peer": "not installed; do so first: apt-get install peer"}
    assert len(measured["canale"]["rate"]) == 4
    assert measured["peer"]["rate"] == []
    assert ratios(measured["canale"]["rate"], measured["peer"]["rate"]) == []


def test_parts_are_imported_without_djangos_settings() -> None:
    program = (
        f"import importlib\nfor name in {main.PARTS}: importlib.import_module(f'bench.{{name}}')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PATH": os.environ["PATH"]})


def test_peer_that_failed_in_one_case_is_named_with_the_case() -> None:
    small, large = (live.Case(readers, events=1, paced=0) for readers in (10, 20))
    found = {small: Measured(live.PEERS), large: Measured(live.PEERS)}
    found[small].absent = {live.NCHAN: "not installed"}
    found[large].absent = {live.NCHAN: "not installed", live.PUSHPIN: "it fell over"}
    assert live.absent(found) == {
        live.NCHAN: "not installed",
        f"{live.PUSHPIN}, 20 connections": "it fell over",
    }


def test_canale_itself_must_run() -> None:
    def broken() -> dict[str, float]:
        raise CannotRunError("no database")

    with pytest.raises(CannotRunError):
        interleaved({"canale": broken}, 1, peers=["peer"])


def test_growth_without_postgresql_is_measured_on_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    def grown(database: str, sizes: Sequence[int], rounds: int) -> Measured:
        if database == "PostgreSQL":
            raise CannotRunError("not installed; do so first: apt-get install postgresql")
        measured = Measured(["few", "many"])
        for values in measured.values():
            values |= {key: [1.0] for key in ("planning", "plan_peak", "wall", "cpu", "peak")}
        return measured

    monkeypatch.setattr(growth, "_grown", grown)
    part = growth.run(1, quick=True)
    assert [table.title for table in part.tables] == ["SQLite"]
    assert part.absent == {"PostgreSQL": "not installed; do so first: apt-get install postgresql"}
    assert all(figure.met for figure in part.figures)


def test_target_against_an_absent_peer_is_not_measured(tmp_path: Path) -> None:
    figures = [Figure("canale / peer", [], at_least=1.15)]
    tables = [Table("All", [Column("rate", "per s")], [Row("peer", {})])]
    part = Part("live", "Live", tables, figures, absent={"peer": "ImportError: no peer"})
    report.keep(part, {"cores": "2"}, 1, tmp_path)
    report.write_page(["live"], tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| live | canale / peer | ≥ 1.15 | – | not measured |" in page
    assert "| peer | – |" in page
    assert "- **peer did not run**: ImportError: no peer" in page
    assert json.loads((tmp_path / "benchmarks.json").read_text())["live"]["part"]["absent"]


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (CannotRunError("only root may make network namespaces"), "cannot run", "only root"),
        (AssertionError("a message\nsays something else"), "failed", "AssertionError: a message"),
    ],
)
def test_part_that_cannot_run_gives_the_reason_and_others_run(
    error: Exception, status: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rounds: int, quick: bool) -> Part:
        raise error

    monkeypatch.setattr("bench.cluster.run", broken)
    monkeypatch.setattr("bench.live.run", lambda rounds, quick: PART)
    monkeypatch.setattr(report.keep, "__defaults__", (tmp_path,))
    monkeypatch.setattr(report.keep_failure, "__defaults__", (tmp_path,))
    monkeypatch.setattr(report.write_page, "__defaults__", (tmp_path,))
    monkeypatch.setattr(main, "PARTS", ("cluster", "live"))
    monkeypatch.setattr("sys.argv", ["bench"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    kept = json.loads((tmp_path / "benchmarks.json").read_text())
    assert (kept["cluster"]["status"], kept["live"]["status"]) == (status, "measured")
    assert kept["cluster"]["why"].startswith(why)
    page = (tmp_path / "benchmarks.md").read_text()
    assert f"{status}**: {why}" in page
    assert "| canale | 2 (1–3) |" in page


def test_failed_part_keeps_its_earlier_results(tmp_path: Path) -> None:
    report.keep(PART, {"cores": "2"}, 3, tmp_path)
    report.keep_failure("live", "Live", "cannot run", "no compiler", tmp_path)
    report.write_page(["live"], tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "cannot run**: no compiler. What follows is of an earlier run." in page
    assert "| canale | 2 (1–3) |" in page
    report.keep(PART, {"cores": "2"}, 3, tmp_path)
    report.write_page(["live"], tmp_path)
    assert "no compiler" not in (tmp_path / "benchmarks.md").read_text()


def test_target_is_compared_with_the_median() -> None:
    assert [figure.met for figure in PART.figures] == [True, False, None]
    assert Figure("", [1.0, 1.1, 9.0], at_least=1.15).met is False


def test_ratios_are_computed_per_round() -> None:
    assert ratios([10, 30], [5, 10]) == [2, 3]
    with pytest.raises(ValueError, match="zip"):
        ratios([1, 2], [1])


def test_percentiles_are_measured_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, 0.95) == 95
    assert percentile([7.0], 0.95) == 7


def test_a_part_replaces_its_own_results_only(tmp_path: Path) -> None:
    report.keep(PART, {"cores": "2"}, 3, tmp_path)
    report.keep(Part("page", "Pages"), {"cores": "2"}, 3, tmp_path)
    report.keep(Part("page", "Public pages"), {"cores": "4"}, 5, tmp_path)
    kept = json.loads((tmp_path / "benchmarks.json").read_text())
    assert Part.from_json(kept["live"]["part"]).as_json() == PART.as_json()
    report.write_page(["page", "live", "push"], tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert page.index("## Public pages") < page.index("## Live")
    assert "cores: 4" in page
    assert "| canale | 2 (1–3) |" in page
    assert "| live | ratio | ≥ 1.15 | 1.20 (1.10–1.30) | reached |" in page
    assert "| live | memory | ≤ 3 KB | 4.00 KB | **missed** |" in page
    assert "- not promised: 7.00" in page


@pytest.mark.parametrize("name", main.PARTS)
def test_every_part_has_name_title_and_run(name: str) -> None:
    part = importlib.import_module(f"bench.{name}")
    assert name == part.NAME
    assert part.TITLE
    assert callable(part.run)


def test_kernel_send_queue_is_measured_even_after_close() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(server.getsockname())
        port: int = server.getsockname()[1]
        line, _ = server.accept()
        line.setblocking(False)
        assert sum(process.queued(port)) == 0
        with contextlib.suppress(BlockingIOError):
            while True:
                line.send(b"x" * 65536)
        assert sum(process.queued(port)) > 65536
        line.close()
        assert sum(process.queued(port)) > 65536
