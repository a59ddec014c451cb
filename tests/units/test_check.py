# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The findings of `canale check` about this machine."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from canale.cli import check, check_tries
from canale.delivery.transports.webpush import checks


def test_files_deleted_during_the_check_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_files = tmp_path / "workers"
    lock_files.mkdir()
    lock_files.chmod(0o755)
    for file in (folder / name for folder in (lock_files, tmp_path) for name in ("here", "gone")):
        file.touch()
        # Independent of the umask that a command has left in this process.
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
    (closed,) = check.permissions()
    # The file that stayed is readable by all.
    assert not closed.ok
    assert not (tmp_path / "gone").exists()


def test_every_failed_check_has_a_remedy() -> None:
    found = [
        node
        for module in (check, check_tries, checks)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
    ]
    assert len(found) > 15
    bare = [
        node.lineno for node in found if len(node.args) < 3 and ast.unparse(node.args[0]) != "True"
    ]
    assert bare == []
