# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Locks on the data folder, released when their process exits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from canale.cli.commands import CommandError
from canale.core.settings import settings
from canale.runtime.file_locks import lock
from canale.vault.keys import key_id

ALL_PROCESSES = "everybody"


@contextmanager
def shared_folder() -> Iterator[None]:
    """Lock the folder in shared mode. Raises CommandError while it is locked exclusively."""
    with ExitStack() as held:
        for name in (ALL_PROCESSES, key_id(settings.secret_key)):
            file = lock(_path(name), shared=True)
            if file is None:
                raise CommandError("the data is being restored or moved; wait for it")
            held.enter_context(file)
        yield


@contextmanager
def exclusive_folder(act: str) -> Iterator[None]:
    """Lock the folder exclusively, so that no server can start. Raises CommandError if one runs."""
    file = lock(_path(ALL_PROCESSES))
    if file is None:
        raise CommandError(
            f"canale runs on {settings.data}; stop its servers and workers before you {act}"
        )
    with file:
        yield


def runs_with(key_id: str) -> bool:
    """Return True if a server or worker on this folder uses the key with this id."""
    file = lock(_path(key_id))
    if file is None:
        return True
    file.close()
    return False


def _path(name: str) -> Path:
    folder: Path = settings.data / "running"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / name
