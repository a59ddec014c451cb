# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draw random changes to the code, run the tests that execute the changed line, list survivors.

The tree stays as it is: changes are made in copies. Results are kept in build/mutation, and a
second run goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.mutation.executed import FOLDER, Executed, measure
from tests.mutation.mutants import Mutant, mutants

PACKAGES = ["publishing", "delivery", "accounts", "followers", "channel", "reactions", "api"]
MAX_UNIT_TESTS = 60
MAX_FLOWS = 2
RESULTS = FOLDER / "results.jsonl"


class Outcome(NamedTuple):
    status: str
    """killed, killed by a flow, timed out, survived, or not run: no test executes the line."""
    by: str


def main() -> None:
    options = _options()
    with ThreadPoolExecutor(options.parallel) as pool:
        if options.measure:
            for target, last in zip(
                options.measure, pool.map(measure, options.measure), strict=True
            ):
                print(target, last, flush=True)
            return
        executed = Executed()
        drawn = _draw(options.packages, options.seed, options.sample)
        results = _known()
        left = [mutant for mutant in drawn if _is_open(mutant, results, options.again)]
        if options.only:
            left = [mutant for mutant in drawn if f"{mutant.path}:{mutant.line}" in options.only]
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        with tempfile.TemporaryDirectory(prefix="canale-mutants-") as folder:
            for number in range(options.parallel):
                copies.put(copy := _copy(Path(folder) / str(number)))
            unchanged = _run(executed.some(20), copy, 300)
            if unchanged.status != "survived":
                sys.exit(f"A test fails in a copy that nothing has changed: {unchanged.by}")

            def look(mutant: Mutant) -> None:
                copy = copies.get()
                outcome = _try(mutant, copy, executed, options.limit)
                copies.put(copy)
                results[mutant.key] = outcome
                _keep(mutant, outcome)

            list(pool.map(look, left))
    _report(drawn, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/mutate", description=__doc__)
    add = parser.add_argument
    add("--packages", nargs="+", default=PACKAGES, help="of canale/; default: %(default)s")
    add("--sample", type=int, default=120, help="number of changed lines; default: %(default)s")
    add("--seed", type=int, default=1, help="another seed draws other lines")
    add("--limit", type=int, default=90, help="seconds for the unit tests of a change")
    add("--parallel", type=int, default=2)
    add("--again", action="store_true", help="try survivors again")
    add("--only", nargs="+", metavar="FILE:LINE", help="try these again, if they are drawn")
    add(
        "--measure", nargs="+", type=Path, metavar="TESTS",
        help="first: measure the lines that tests execute; tests/units, or a file of flows",
    )  # fmt: skip
    return parser.parse_args()


def _draw(packages: list[str], seed: int, sample: int) -> list[Mutant]:
    """A random change for each of the first `sample` lines in a random order."""
    lines: list[list[Mutant]] = []
    for package in packages:
        for path in sorted(Path("canale", package).rglob("*.py")):
            if "migrations" not in path.parts:
                lines += mutants(path).values()
    chance = random.Random(seed)
    chance.shuffle(lines)
    return [chance.choice(choices) for choices in lines[:sample]]


def _known() -> dict[str, Outcome]:
    if not RESULTS.exists():
        return {}
    rows = (json.loads(line) for line in RESULTS.read_text().splitlines())
    return {row["key"]: Outcome(row["status"], row["by"]) for row in rows}


def _is_open(mutant: Mutant, results: dict[str, Outcome], again: bool) -> bool:
    outcome = results.get(mutant.key)
    return not outcome or (again and outcome.status in {"survived", "not run"})


def _copy(folder: Path) -> Path:
    """A tree whose `canale` can be changed; links stand for the rest."""
    folder.mkdir()
    for path in Path.cwd().iterdir():
        if path.name in {"canale", "tests"}:
            shutil.copytree(path, folder / path.name, symlinks=True)
        elif path.name not in {".git", "build", "data"}:
            (folder / path.name).symlink_to(path)
    return folder


def _try(mutant: Mutant, copy: Path, executed: Executed, limit: int) -> Outcome:
    units, flows = executed.by(mutant.path, mutant.line)
    if not units and not flows:
        return Outcome("not run", "")
    target = copy / mutant.path
    for compiled in target.parent.glob(f"__pycache__/{target.stem}.*.pyc"):
        compiled.unlink()
    original = target.read_text()
    target.write_text(mutant.source)
    try:
        outcome = _run(units[:MAX_UNIT_TESTS], copy, limit)
        if outcome.status == "survived" and flows:
            outcome = _run(flows[:MAX_FLOWS], copy, 3 * limit)
            if outcome.status == "killed":
                outcome = Outcome("killed by a flow", outcome.by)
        return outcome
    finally:
        target.write_text(original)


def _run(tests: list[str], copy: Path, limit: int) -> Outcome:
    if not tests:
        return Outcome("survived", "")
    own = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    # Importing all plugins takes longer than the tests of most changes.
    environment = {**os.environ, **own, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ["-p", "pytest_django.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"]
    options = ["-x", "-q", *plugins, "-m", "not postgres and not browser"]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=copy, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as running:  # fmt: skip
        try:
            output, _ = running.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return Outcome("timed out", "")
    if gone := set(re.findall(r"^ERROR: not found: \S*?(tests/.*)$", output, re.MULTILINE)):
        return _run([test for test in tests if test not in gone], copy, limit)
    last = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR", "E  "))]
    return Outcome("killed" if running.returncode else "survived", "".join(last[-1:])[:200])


def _keep(mutant: Mutant, outcome: Outcome) -> None:
    with RESULTS.open("a") as file:
        row = {"key": mutant.key, "before": mutant.before, **outcome._asdict()}
        file.write(json.dumps(row) + "\n")
    print(f"{outcome.status:16} {mutant.key}", flush=True)


def _report(drawn: list[Mutant], results: dict[str, Outcome]) -> None:
    outcomes = [(mutant, results[mutant.key]) for mutant in drawn if mutant.key in results]
    print(dict(Counter(outcome.status for _, outcome in outcomes)))
    for mutant, outcome in outcomes:
        if outcome.status in {"survived", "not run"}:
            print(f"{outcome.status}: {mutant.path}:{mutant.line}")
            print(f"    - {mutant.before}\n    + {mutant.after}")


if __name__ == "__main__":
    main()
