# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The benchmark's own arithmetic: turns, medians, promises, the page that is written."""

import importlib
import json
from pathlib import Path

import pytest

from bench import __main__ as main
from bench import report
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import interleaved, percentile, ratios

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


def test_contenders_take_turns_and_swap_places() -> None:
    turns: list[str] = []

    def contender(name: str) -> dict[str, float]:
        turns.append(name)
        return {"place": len(turns)}

    contenders = {name: (lambda name=name: contender(name)) for name in ("a", "b", "c")}
    measured = interleaved(contenders, 3)
    assert "".join(turns) == "abccbaabc"
    assert measured["a"] == {"place": [1, 6, 7]}


def test_a_promise_is_judged_by_the_median() -> None:
    assert [figure.met for figure in PART.figures] == [True, False, None]
    assert Figure("", [1.0, 1.1, 9.0], at_least=1.15).met is False


def test_ratios_are_made_round_by_round() -> None:
    assert ratios([10, 30], [5, 10]) == [2, 3]
    with pytest.raises(ValueError, match="zip"):
        ratios([1, 2], [1])


def test_percentiles_are_values_that_were_measured() -> None:
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
def test_every_part_can_be_plugged_in(name: str) -> None:
    part = importlib.import_module(f"bench.{name}")
    assert name == part.NAME
    assert part.TITLE
    assert callable(part.run)
