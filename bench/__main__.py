# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""bin/bench [--quick] [--rounds N] [PART…]"""

from __future__ import annotations

import argparse
import importlib
import resource
import signal
import sys
import time
import traceback

from bench import machine, report
from bench.part import Part
from bench.rounds import CannotRunError, progress, reason

# In the order of docs/benchmarks.md; bench/__init__.py explains what a part is.
PARTS = (
    "live",
    "never_read",
    "storm",
    "push",
    "publish",
    "page",
    "paint",
    "react",
    "follow",
    "growth",
    "cluster",
    "scale",
)
ROUNDS = 5
# A quick run only checks that everything works; its numbers are printed, not stored.
QUICK_ROUNDS = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench", description="canale beside its peers.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a short form, printed only")
    parser.add_argument("--rounds", type=int, help=f"how often each runs ({ROUNDS})")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    _allow_many_connections()
    # Clean up servers, folders and network namespaces on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    names = [part for part in PARTS if part in arguments.parts or not arguments.parts]
    done = [_run(name, rounds, arguments.quick) for name in names]
    sys.exit(0 if all(done) else 1)


def _allow_many_connections() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run(name: str, rounds: int, quick: bool) -> bool:
    """Run one part; on failure record why, return False, and let the other parts run."""
    started = time.monotonic()
    before = machine.description()
    title = name
    try:
        module = importlib.import_module(f"bench.{name}")
        title = module.TITLE
        part: Part = module.run(rounds, quick)
    except CannotRunError as why:
        return _failed(name, title, "cannot run", reason(why), quick)
    except Exception as why:
        traceback.print_exc()
        return _failed(name, title, "failed", reason(why), quick)
    progress(f"{name} took {time.monotonic() - started:.0f} s")
    print(f"\n## {part.title}\n", *report.blocks(part), sep="\n", flush=True)
    if not quick:
        report.keep(part, before, rounds)
        report.write_page(PARTS)
    return True


def _failed(name: str, title: str, status: report.Status, why: str, quick: bool) -> bool:
    print(f"\n## {title}\n\n{status}: {why}", flush=True)
    if not quick:
        report.keep_failure(name, title, status, why)
        report.write_page(PARTS)
    return False


if __name__ == "__main__":
    main()
