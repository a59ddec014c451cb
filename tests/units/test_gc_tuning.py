# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Python's search for garbage leaves out what a process keeps as long as it lives."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

from canale import app
from canale.cli import worker

# In a process of its own: what is left out here would be left out of every later test's search.
PROGRAM = """
import gc
from canale.runtime import gc_tuning

class Ring:
    ended = 0
    def __init__(self):
        self.me = self
    def __del__(self):
        Ring.ended += 1

kept, gone = Ring(), Ring()
del gone
gc_tuning.tune_gc()
assert Ring.ended == 1, "what was garbage before is not kept"
assert gc.get_freeze_count() > len(gc.get_objects()), "what is loaded is searched"
for number in range(3):
    Ring()
assert gc.get_threshold()[0] == gc_tuning.NEW_OBJECTS
gc.collect()
assert Ring.ended == 4, "what is made later is searched"
"""


def test_gc_skips_loaded_objects_and_collects_later_ones() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


LOADS = """
import gc
from canale.cli import commands, runner

searches = []
parse = commands.parser

def parser(command):
    made = parse(command)
    assert not searches, "modules that are loaded are searched"
    return made

gc.callbacks.append(lambda phase, info: searches.append(phase))
runner.parser = parser
runner.run(["token", "--channel", "none"])
"""


def test_commands_are_loaded_without_searches_for_garbage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADS],
        env={**os.environ, "CANALE_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "AssertionError" not in done.stderr, done.stderr
    assert "CommandError" in done.stderr


def test_long_running_processes_tune_the_gc() -> None:
    for stays in (app._serve_web, worker._work):
        assert "    tune_gc()\n" in inspect.getsource(stays)
