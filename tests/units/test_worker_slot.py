# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A worker's name outlives its process, and no two processes have the same one."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from canale.delivery.models import Batch
from canale.delivery.worker_slot import CONTENT_BYTES, FOLDER, WorkerSlot, exited_worker

WORKER = """
import sys, time
from pathlib import Path
from canale.delivery.worker_slot import WorkerSlot
slot = WorkerSlot(Path(sys.argv[1]))
print(slot.name, flush=True)
time.sleep(600)
"""


class Process:
    """A process with a slot of its own."""

    def __init__(self, data: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(data)], stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        with self._process.stdout as output:
            self.name = output.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.kill()


def test_name_goes_to_the_next_process_after_a_kill(tmp_path: Path, worker: Process) -> None:
    other = WorkerSlot(tmp_path)
    assert other.name != worker.name
    worker.kill()
    following = WorkerSlot(tmp_path)
    assert following.name == worker.name
    other.close()
    following.close()
    again = WorkerSlot(tmp_path)
    assert again.name == worker.name
    again.close()


def test_parent_learns_the_name_of_a_killed_child(tmp_path: Path, worker: Process) -> None:
    assert list(exited_worker(tmp_path, worker.pid)) == [], "it runs"
    other = WorkerSlot(tmp_path)
    worker.kill()
    for name in exited_worker(tmp_path, worker.pid):
        assert name == worker.name
        # Until its batches are released nobody else gets the name.
        following = WorkerSlot(tmp_path)
        assert following.name not in (worker.name, other.name)
    assert list(exited_worker(tmp_path, os.getpid())) == [], "both of these run"
    other.close()
    following.close()
    assert list(exited_worker(tmp_path, 1)) == []


def test_slot_taken_by_another_process_is_not_the_killed_workers(
    tmp_path: Path, worker: Process
) -> None:
    worker.kill()
    following = WorkerSlot(tmp_path)
    following.close()
    assert list(exited_worker(tmp_path, worker.pid)) == []


def test_names_fit_the_column_and_differ_between_hosts_with_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder, or the disk, may be copied to another machine."""
    longest = Batch._meta.get_field("claimed_by").max_length
    hosts = [f"{'worker' * 6}-{number}" for number in (1, 2)] + ["a", "a/../b c", "w" * 64]
    names = []
    for host in hosts:
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        slot = WorkerSlot(tmp_path)
        slot.close()
        names.append(slot.name)
        assert len(slot.name) <= longest
    assert len(set(names)) == len(hosts)
    assert [name[12:17] for name in names] == ["@work", "@work", "@a", "@a-..", "@wwww"]
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["1"]


def test_worker_names_differ_between_folders_on_hosts_of_one_name(
    tmp_path: Path,
) -> None:
    """Containers of one image have the same host name."""
    slots = [WorkerSlot(tmp_path), WorkerSlot(tmp_path / "another")]
    (tmp_path / "another").mkdir()
    slots.append(WorkerSlot(tmp_path / "another"))
    assert len({slot.name for slot in slots}) == 3
    for slot in slots:
        slot.close()


def test_worker_starts_where_no_slot_can_be_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).write_text("as on a full disk: no file can be made here")
    with caplog.at_level(logging.WARNING):
        first, second = WorkerSlot(tmp_path), WorkerSlot(tmp_path)
    assert first.name != second.name
    assert "leases" in caplog.text
    assert list(exited_worker(tmp_path, os.getpid())) == []
    first.close()


def test_slot_keeps_its_size_and_survives_damage(tmp_path: Path) -> None:
    slot = WorkerSlot(tmp_path)
    slot.close()
    path = tmp_path / FOLDER / "1"
    assert path.stat().st_size == CONTENT_BYTES
    path.write_bytes(b"\0" * CONTENT_BYTES)
    damaged = WorkerSlot(tmp_path)
    damaged.close()
    assert damaged.name != slot.name
    again = WorkerSlot(tmp_path)
    again.close()
    assert again.name == damaged.name
    assert path.stat().st_size == CONTENT_BYTES
