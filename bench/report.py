# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes docs/benchmarks.json with every round's values, and from it docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bench.part import Figure, Part, Row, Table
from bench.rounds import median

Status = Literal["measured", "cannot run", "failed"]
VERDICTS = {True: "reached", False: "**missed**", None: "not measured"}
DOCS = Path(__file__).parents[1] / "docs"
HEAD = """\
<!-- Written by bin/bench; edit bench/, not this page. -->
# Benchmarks

`make bench` measures all of this on your machine; `bin/bench live page` only these parts.
Contenders run in turns in one run on one machine: **compare within a table, not between tables or
machines**. A number is the median of the rounds, followed by the lowest and the highest round; a
ratio is computed round by round. Load generator and server have one core each. Every round's values
are in [benchmarks.json](benchmarks.json).
"""


def keep(part: Part, machine: Mapping[str, str], rounds: int, folder: Path = DOCS) -> None:
    """Replace this part's results and keep those of the others."""
    kept = _kept(folder)
    kept[part.name] = {
        "status": "measured",
        "measured": _today(),
        "rounds": rounds,
        "machine": dict(machine),
        "part": part.as_json(),
    }
    _write(kept, folder)


def keep_failure(name: str, title: str, status: Status, why: str, folder: Path = DOCS) -> None:
    """Record that a part did not finish. Its earlier results stay, with their date."""
    kept = _kept(folder)
    earlier = kept.get(name, {"part": Part(name, title).as_json()})
    kept[name] = {**earlier, "status": status, "why": why, "tried": _today()}
    _write(kept, folder)


def _kept(folder: Path) -> dict[str, Any]:
    path = folder / "benchmarks.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _write(kept: Mapping[str, Any], folder: Path) -> None:
    text = json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / "benchmarks.json").write_text(text + "\n")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def write_page(order: Sequence[str], folder: Path = DOCS) -> None:
    kept = _kept(folder)
    known = [kept[name] for name in order if name in kept]
    text = HEAD + _promises(known) + "".join(_section(run) for run in known)
    (folder / "benchmarks.md").write_text(text)


def _promises(runs: Sequence[Mapping[str, Any]]) -> str:
    figures = [
        (run["part"]["name"], figure)
        for run in runs
        for figure in Part.from_json(run["part"]).figures
        if figure.promised
    ]
    lines = [
        "\n## What was promised\n",
        "| part | what | promised | measured | |",
        "|---|---|--:|--:|---|",
    ]
    for name, figure in figures:
        verdict = VERDICTS[figure.met]
        lines.append(
            f"| {name} | {figure.what} | {_promise(figure)} | {_measured(figure)} | {verdict} |"
        )
    return "\n".join(lines) + "\n" if figures else ""


def _section(run: Mapping[str, Any]) -> str:
    part = Part.from_json(run["part"])
    return f"\n## {part.title}\n\n{_failure(run)}{_about(run, part)}{_body(part)}"


def _failure(run: Mapping[str, Any]) -> str:
    # Runs stored before the status existed had finished.
    if run.get("status", "measured") == "measured":
        return ""
    earlier = " What follows is of an earlier run." if "measured" in run else ""
    return f"**{run['tried']}: {run['status']}**: {run['why']}.{earlier}\n\n"


def _about(run: Mapping[str, Any], part: Part) -> str:
    if "measured" not in run:
        return ""
    machine = "; ".join(f"{name}: {value}" for name, value in run["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in part.versions.items())
    about = f"{run['measured']}, {run['rounds']} rounds. {machine}."
    return f"{about}{f' {versions}.' if versions else ''}\n"


def _body(part: Part) -> str:
    return "".join(f"\n{block}\n" for block in blocks(part))


def blocks(part: Part) -> Iterator[str]:
    """Return a part's results in Markdown, for the page and the terminal."""
    if part.absent:
        yield "\n".join(f"- **{name} did not run**: {why}" for name, why in part.absent.items())
    for table in part.tables:
        yield _table(table)
    if part.figures:
        yield "\n".join(f"- {figure.what}: {_measured(figure)}" for figure in part.figures)
    if part.notes:
        yield "\n".join(f"- {note}" for note in part.notes)


def _table(table: Table) -> str:
    lines = [
        f"**{table.title}**\n",
        "| | " + " | ".join(column.title for column in table.columns) + " |",
        "|---|" + "--:|" * len(table.columns),
        *(_row(row, table) for row in table.rows),
    ]
    if table.note:
        lines.append(f"\n{table.note}")
    return "\n".join(lines)


def _row(row: Row, table: Table) -> str:
    cells = [_cell(row.values.get(column.key, ()), column.digits) for column in table.columns]
    return f"| {row.name} | " + " | ".join(cells) + " |"


def _cell(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    middle = f"{median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def _measured(figure: Figure) -> str:
    return _cell(figure.values, figure.digits) + (f" {figure.unit}" if figure.unit else "")


def _promise(figure: Figure) -> str:
    unit = f" {figure.unit}" if figure.unit else ""
    bounds = (("≥", figure.at_least), ("≤", figure.at_most))
    return ", ".join(f"{sign} {bound:,g}{unit}" for sign, bound in bounds if bound is not None)
