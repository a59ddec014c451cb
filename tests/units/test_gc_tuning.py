# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Python's search for garbage leaves out what a process keeps as long as it lives."""

from __future__ import annotations

import inspect
import subprocess
import sys

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


def test_long_running_processes_tune_the_gc() -> None:
    for stays in (app._serve_web, worker._work):
        assert "    tune_gc()\n" in inspect.getsource(stays)
