# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What `canale check` learns from outside."""

from __future__ import annotations

import ast
import os
import socket
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from canale.cli import check
from canale.cli.check import MOST_SKEW, shown, skew, their_time


def _answered(answer: bytes) -> list[float]:
    ours, theirs = socket.socketpair()
    asked: list[bytes] = []

    def serve() -> None:
        asked.append(theirs.recv(4096))
        theirs.sendall(answer)
        theirs.close()

    server = Thread(target=serve)
    server.start()
    with ours:
        told = their_time(ours, "push.example")
    server.join(5)
    assert asked[0].startswith(b"HEAD / HTTP/1.1\r\nHost: push.example\r\n")
    return told


def test_clock_of_the_far_end_is_read() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:01:40 GMT\r\n\r\n"
    assert _answered(answer) == [100.0]


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nDate: x\r\n\r\n"],
)
def test_far_end_without_a_date_header_is_reachable(answer: bytes) -> None:
    assert _answered(answer) == []


def test_wrong_clock_is_reported_with_a_fix() -> None:
    assert skew(MOST_SKEW - 1.0).ok
    said = shown(skew(-7200.0))
    assert said.startswith("WRONG    the clock is 7200 s behind")
    assert "NTP" in said


def test_files_deleted_during_the_check_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_files = tmp_path / "workers"
    lock_files.mkdir()
    lock_files.chmod(0o755)
    for file in (folder / name for folder in (lock_files, tmp_path) for name in ("here", "gone")):
        file.touch()
        # Whatever umask a command has left in this process.
        file.chmod(0o644)
    real = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name == "gone":
            path.unlink(missing_ok=True)
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(check, "settings", SimpleNamespace(data=tmp_path))
    owned, _ = check.folder()
    assert owned.ok
    (tmp_path / "gone").touch()
    tmp_path.chmod(0o755)
    (closed,) = check.others()
    # What stayed is open to all.
    assert not closed.ok
    assert not (tmp_path / "gone").exists()


def test_every_failed_check_has_a_remedy() -> None:
    tree = ast.parse(Path(check.__file__).read_text(encoding="utf-8"))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
    ]
    assert len(found) > 15
    bare = [
        node.lineno for node in found if len(node.args) < 3 and ast.unparse(node.args[0]) != "True"
    ]
    assert bare == []
