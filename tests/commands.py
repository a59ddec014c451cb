# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale's commands as a test calls them: each in a process of its own, or several in one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from tests.site import Site

# Each in a process of its own would spend half a second of the processor on its imports.
ONE_PROCESS = """
import contextlib, io, json, sys
from canale.cli import main
ends = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    ends.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(ends))
"""


class Ended(NamedTuple):
    """One command's exit status and what it wrote."""

    status: int
    stdout: str
    stderr: str


def run(site: Site, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "canale", *arguments],
        env=site.environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_each(site: Site, calls: Sequence[Sequence[str]]) -> list[Ended]:
    """Run commands one after the other in one process; stdin is empty."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_PROCESS, json.dumps(calls)],
        env=site.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Ended(*end) for end in json.loads(done.stdout)]


def refused_in_one_line(end: Ended) -> str:
    """Return the error of a failed command: one line on stderr, and nothing else."""
    assert (end.status, end.stdout) == (1, ""), end
    assert len(end.stderr.splitlines()) == 1, end
    return end.stderr
