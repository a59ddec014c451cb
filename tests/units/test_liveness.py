# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A worker is dead when its file's lock is free, and in no other case."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canale.delivery import liveness
from canale.delivery.liveness import FOLDER, LOCAL, WorkerLock, exited_workers, file_system
from canale.delivery.models import Batch
from canale.runtime import file_locks

WORKER = """
import sys, time
from pathlib import Path
from canale.delivery.liveness import WorkerLock
lock = WorkerLock(Path(sys.argv[1]))
print(lock.name, flush=True)
time.sleep(600)
"""
MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:40 / /srv/the\040data rw shared:2 master:1 - nfs4 files:/canale rw,local_lock=none
31 27 0:41 / /srv/upon rw - xfs /dev/vdb rw
32 31 0:42 / /srv/upon rw - fuse.sshfs files: rw
"""


class Process:
    """A worker's process, as far as it lives."""

    def __init__(self, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(data)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        with self.process.stdout as said:
            self.name = said.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.kill()


def lock_files(data: Path) -> list[Path]:
    return list((data / FOLDER).iterdir())


def test_worker_locks_are_supported_here(tmp_path: Path) -> None:
    # Else the other tests would see none.
    assert liveness.is_local(tmp_path)


def test_worker_is_alive_until_its_process_ends(tmp_path: Path, worker: Process) -> None:
    assert list(exited_workers(tmp_path)) == []
    worker.kill()
    assert list(exited_workers(tmp_path)) == [worker.name]
    assert (list(exited_workers(tmp_path)), lock_files(tmp_path)) == ([], [])


def test_worker_that_stops_cleanly_leaves_no_file(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path)
    assert len(lock_files(tmp_path)) == 1
    lock.release()
    assert (list(exited_workers(tmp_path)), lock_files(tmp_path)) == ([], [])


def test_lock_file_of_a_dead_worker_stays_until_its_batches_are_released(
    tmp_path: Path, worker: Process
) -> None:
    worker.kill()
    sweep = exited_workers(tmp_path)
    assert next(sweep) == worker.name
    assert list(exited_workers(tmp_path)) == [], "another sweep is at it"
    # As when the database is away.
    sweep.close()
    assert list(exited_workers(tmp_path)) == [worker.name]


def test_worker_names_are_unique_and_fit_the_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = Batch._meta.get_field("claimed_by").max_length
    hosts = [f"{'worker' * 4}-{number}" for number in (1, 2)] + ["a", "a/../b c", "w" * 64]
    names = []
    for host in hosts:
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        lock = WorkerLock(tmp_path)
        names.append(lock.name)
        assert len(lock.name) <= longest
        # Of a version that knew workers by "host:process", none looks like one of this machine.
        assert ":" not in lock.name
        lock.release()
    assert len(set(names)) == len(hosts)
    assert [name[12:17] for name in names] == ["@work", "@work", "@a.00", "@a-..", "@wwww"]


def test_copied_data_folder_ignores_the_originals_workers(tmp_path: Path, worker: Process) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / FOLDER, copy / FOLDER)
    assert worker.name not in list(exited_workers(copy))
    assert (lock_files(copy), len(lock_files(tmp_path))) == ([], 1)


def test_lock_file_from_before_the_boot_is_deleted(tmp_path: Path, worker: Process) -> None:
    worker.kill()
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    (file,) = lock_files(tmp_path)
    os.utime(file, (booted - 60, booted - 60))
    assert (list(exited_workers(tmp_path)), lock_files(tmp_path)) == ([], [])


def test_lock_file_that_is_being_made_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, looked = file_locks.fcntl.flock, []

    def late(file: Any, how: int) -> None:
        """Between making and locking, somebody sweeps: also the second time."""
        if len(looked) < 2:
            looked.append(file.name)
            monkeypatch.setattr(file_locks.fcntl, "flock", whole)
            list(exited_workers(tmp_path))
            monkeypatch.setattr(file_locks.fcntl, "flock", late)
        whole(file, how)

    monkeypatch.setattr(file_locks.fcntl, "flock", late)
    lock = WorkerLock(tmp_path)
    (file,) = lock_files(tmp_path)
    assert len(looked) == 2
    assert lock.name.startswith(f"{file.name}.")
    assert (list(exited_workers(tmp_path)), lock_files(tmp_path)) == ([], [file])
    lock.release()


def test_lock_file_locked_by_another_during_creation_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another has the lock of the new file: the worker makes a second."""
    whole, held, names = file_locks.fcntl.flock, [], []

    def late(file: Any, how: int) -> None:
        if not held:
            held.append(os.open(file.name, os.O_RDONLY))
            names.append(Path(file.name).name)
            whole(held[0], how)
        whole(file, how)

    monkeypatch.setattr(file_locks.fcntl, "flock", late)
    lock = WorkerLock(tmp_path)
    assert not lock.name.startswith(names[0])
    os.close(held[0])
    assert len(list(exited_workers(tmp_path))) == 1
    assert len(lock_files(tmp_path)) == 1
    lock.release()


def test_worker_starts_where_no_lock_file_can_be_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).write_text("as on a full disk: no file can be made here")
    with caplog.at_level(logging.WARNING):
        first, second = WorkerLock(tmp_path), WorkerLock(tmp_path)
    assert first.name != second.name
    assert "leases" in caplog.text
    assert list(exited_workers(tmp_path)) == []
    first.release()


def test_unreadable_lock_file_is_ignored(tmp_path: Path, worker: Process) -> None:
    worker.kill()
    (tmp_path / FOLDER / "a-folder").mkdir()
    assert list(exited_workers(tmp_path)) == [worker.name]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/canale", "ext4"),
        ("/srv/the data/canale", "nfs4"),
        ("/srv/the data", "nfs4"),
        ("/srv/the databases", "ext4"),
        ("/srv/upon/canale", "fuse.sshfs"),
    ],
)
def test_file_system_of_a_folder_is_its_innermost_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS.strip()) == kind


def test_no_worker_counts_as_dead_on_a_network_file_system(
    tmp_path: Path, worker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not LOCAL & {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "fuse.sshfs", ""}
    worker.kill()
    monkeypatch.setattr(liveness, "file_system", lambda path, mounts: "nfs4")
    assert list(exited_workers(tmp_path)) == []
    before = lock_files(tmp_path)
    assert WorkerLock(tmp_path).name
    assert lock_files(tmp_path) == before
