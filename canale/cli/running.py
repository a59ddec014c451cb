# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who works on this data folder: locks that end with their process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from canale.cli import CommandError
from canale.core.settings import settings
from canale.runtime.file_locks import lock

EVERYBODY = "everybody"


@contextmanager
def running() -> Iterator[None]:
    """While it lasts, `alone` is refused on this folder. Raises CommandError during `alone`."""
    from canale.vault.keys import key_id

    with ExitStack() as held:
        for name in (EVERYBODY, key_id(settings.secret_key)):
            file = lock(_path(name), shared=True)
            if file is None:
                raise CommandError("the data is being restored or moved; wait for it")
            held.enter_context(file)
        yield


@contextmanager
def alone(act: str) -> Iterator[None]:
    """While it lasts, no server starts on this folder. Raises CommandError if one runs."""
    file = lock(_path(EVERYBODY))
    if file is None:
        raise CommandError(
            f"canale runs on {settings.data}; stop its servers and workers before you {act}"
        )
    with file:
        yield


def runs_with(key_id: str) -> bool:
    """Whether a server or worker on this folder seals with the key of that id."""
    file = lock(_path(key_id))
    if file is None:
        return True
    file.close()
    return False


def _path(name: str) -> Path:
    folder: Path = settings.data / "running"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / name
