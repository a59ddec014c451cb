# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name of a worker, which outlives its process.

Each worker process of a data folder holds the lock of one numbered file there, its slot. The next
process that takes the slot has the same name, and releases what the last one left when it was
killed (docs/decisions/0056).
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from canale.runtime.file_locks import lock

logger = logging.getLogger(__name__)

FOLDER = "workers"
# The slot's token and the id of the process that has it, always of the same length: a full disk
# has room for it again.
CONTENT = re.compile(rb"([0-9a-f]{12}) (\d{1,10}) *\n")
CONTENT_BYTES = 24
# A name has 40 characters in the table: 12, @, the host.
HOST_CHARACTERS = 27


class WorkerSlot:
    """This process's slot; ``name`` is the worker's."""

    def __init__(self, data: Path) -> None:
        self.name = _name(secrets.token_hex(6).encode())
        self._file = file = None
        numbers = count(1)
        try:
            (data / FOLDER).mkdir(mode=0o700, exist_ok=True)
            while file is None:
                path = data / FOLDER / str(next(numbers))
                path.touch(0o600)
                self._file = file = lock(path, "r+b")
            content = CONTENT.fullmatch(file.read(CONTENT_BYTES))
            token = content[1] if content else secrets.token_hex(6).encode()
            os.pwrite(file.fileno(), b"%s %-10d\n" % (token, os.getpid()), 0)
            self.name = _name(token)
        except OSError as error:
            logger.warning(
                "Cannot use %s: what this worker holds when it is killed waits for its leases to "
                "end (%s)",
                data / FOLDER,
                error,
            )

    def close(self) -> None:
        """Leave the slot to another process."""
        if self._file is not None:
            self._file.close()


def _name(token: bytes) -> str:
    """A name that no other slot has, nor a copy of this one on another host.

    The host's own name follows for people who read the table.
    """
    host = socket.gethostname()
    digest = hashlib.sha256(token + host.encode()).hexdigest()[:12]
    readable = re.sub(r"[^\w.-]", "-", host, flags=re.ASCII)
    return f"{digest}@{readable[:HOST_CHARACTERS]}"


def exited_worker(data: Path, pid: int) -> Iterator[str]:
    """Yield the name of the worker that ran in a process that has exited, if it had a slot.

    The slot stays locked until the next step, so that no other process has the name.
    """
    for path in (data / FOLDER).glob("*"):
        with suppress(OSError):
            content = CONTENT.fullmatch(path.read_bytes())
            if content and int(content[2]) == pid and (file := lock(path, "r+b")) is not None:
                with file:
                    yield _name(content[1])
