# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Locks on files end with the process that took them, and with no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from canale.runtime.file_locks import lock
from tests.waiting import wait_until

# Holds the lock, makes another process in the way named, and waits to be killed; the other lives on
# and says its number.
HOLDER = """
import os, subprocess, sys, time
from pathlib import Path
from canale.runtime.file_locks import lock
held = lock(Path(sys.argv[1]))
assert held is not None
if sys.argv[2] == "forked":
    other = os.fork() or (time.sleep(600), os._exit(0))
elif sys.argv[2] == "started":
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    other = subprocess.Popen(sleep, close_fds=False).pid
print(other, flush=True)
time.sleep(600)
"""


def is_free(path: Path) -> bool:
    file = lock(path)
    if file is not None:
        file.close()
    return file is not None


@pytest.mark.parametrize("other", ["forked", "started"])
def test_lock_ends_with_its_process_even_if_a_child_lives_on(tmp_path: Path, other: str) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), other],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        assert not is_free(path)
        holder.kill()
        holder.wait()
        assert Path(f"/proc/{child}").exists()
        # The other closes its copy at its first breath.
        wait_until(lambda: is_free(path))
    finally:
        subprocess.run(["kill", "-9", str(child)], check=True)
        holder.stdout.close()


def test_shared_locks_coexist_and_an_exclusive_lock_does_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path, shared=True) as one, lock(path, shared=True) as other:  # type: ignore[union-attr]
        assert one is not None
        assert other is not None
        assert not is_free(path)
    with lock(path) as alone:  # type: ignore[union-attr]
        assert alone is not None
        assert lock(path, shared=True) is None
    assert is_free(path)


def test_lock_mode_decides_whether_the_file_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(FileNotFoundError):
        lock(path, "r+b")
    made = lock(path, "xb")
    assert made is not None
    assert lock(path, "r+b") is None
    with pytest.raises(FileExistsError):
        lock(path, "xb")
    made.close()
