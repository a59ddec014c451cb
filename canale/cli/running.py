# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who works on this data folder: locks that end with their process, however it ends (flock(2))."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from canale.cli import CommandError
from canale.settings import settings

EVERYBODY = "everybody"


@contextmanager
def running() -> Iterator[None]:
    """While it lasts, `alone` is refused on this folder. Raises CommandError during `alone`."""
    from canale.followers.vault import key_id

    with ExitStack() as held:
        for name in (EVERYBODY, key_id(settings.secret_key)):
            if not _locked(held.enter_context(_file(name)), fcntl.LOCK_SH):
                raise CommandError("the data is being restored or moved; wait for it")
        yield


@contextmanager
def alone(act: str) -> Iterator[None]:
    """While it lasts, no server starts on this folder. Raises CommandError if one runs."""
    with _file(EVERYBODY) as file:
        if not _locked(file, fcntl.LOCK_EX):
            raise CommandError(
                f"canale runs on {settings.data}; stop its servers and workers before you {act}"
            )
        yield


def runs_with(key_id: str) -> bool:
    """Whether a server or worker on this folder seals with the key of that id."""
    with _file(key_id) as file:
        return not _locked(file, fcntl.LOCK_EX)


def _file(name: str) -> IO[bytes]:
    folder: Path = settings.data / "running"
    folder.mkdir(mode=0o700, exist_ok=True)
    return (folder / name).open("ab")


def _locked(file: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
