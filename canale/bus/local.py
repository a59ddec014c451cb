# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bus for one machine: a folder of Unix datagram sockets, one for each listener.

There is nothing to start and nothing to configure: a listener binds a socket in the folder, and a
publisher sends to every socket there (unix(7)).
"""

import asyncio
import errno
import hashlib
import logging
import os
import secrets
import socket
import stat
import tempfile
from datetime import datetime
from pathlib import Path

from canale.bus.base import Callbacks

logger = logging.getLogger(__name__)

# sun_path has 108 bytes on Linux and 104 on the BSDs, with the final zero.
LONGEST_PATH = 103
# Errors of bind(2) on a file system without sockets.
NO_SOCKETS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
# "<pid>-<random>.sock": a pid has up to 7 digits.
NAME_LENGTH = 7 + 1 + 8 + 5
MAX_HINT_BYTES = 8192
# Hints read in one iteration of the event loop.
MAX_BURST = 64


class LocalBus:
    """A bus for processes that share `data`, the folder of CANALE_DATA."""

    def __init__(self, data: Path) -> None:
        self.folder = socket_folder(data)
        # Used when the data folder's file system has no sockets (FAT, SMB).
        self._other = short_folder(data)

    def publish(self, subject: str, data: bytes = b"") -> None:
        """Notify every listener. One whose queue is full has enough hints to wake it."""
        message = subject.encode() + b"\n" + data
        # Any user may have created a folder of the other's name.
        folders = filter(_is_ours, {self.folder, self._other})
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                for path in (path for folder in folders for path in folder.glob("*.sock")):
                    try:
                        sender.sendto(message, str(path))
                    except (ConnectionRefusedError, FileNotFoundError):
                        # Left behind by a process that was killed.
                        path.unlink(missing_ok=True)
                    except BlockingIOError:
                        logger.info("Listener queue %s full; hint dropped", path)
                    except OSError:
                        logger.warning("Hint not delivered to %s", path, exc_info=True)
        except OSError:
            logger.warning("Hint %s not sent; listeners will poll", subject, exc_info=True)

    def subscribe(self, callbacks: Callbacks) -> "LocalSubscription":
        """Listen on the running event loop. Raises OSError if the folder is not ours alone."""
        _own_folder(self.folder)
        name = f"{os.getpid()}-{secrets.token_hex(4)}.sock"
        try:
            return LocalSubscription(self.folder / name, callbacks)
        except OSError as error:
            if error.errno not in NO_SOCKETS or self._other == self.folder:
                raise
            _own_folder(self._other)
            return LocalSubscription(self._other / name, callbacks)

    @property
    def problem(self) -> str:
        """Always empty: there is no server that could be unreachable."""
        return ""

    @property
    def problem_since(self) -> datetime | None:
        return None


class LocalSubscription:
    """One listener: a bound socket and its callbacks."""

    def __init__(self, path: Path, callbacks: Callbacks) -> None:
        self._path = path
        self._callbacks = callbacks
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(str(path))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._receive)

    def _receive(self) -> None:
        for _ in range(MAX_BURST):
            if self._socket.fileno() < 0:
                return
            try:
                message = self._socket.recv(MAX_HINT_BYTES)
            except BlockingIOError:
                return
            subject, _, data = message.partition(b"\n")
            try:
                if (callback := self._callbacks.get(subject.decode())) is not None:
                    callback(data)
            except Exception:
                # One bad hint must not end the subscription.
                logger.exception("Error handling hint %r", message[:100])

    def close(self) -> None:
        """Stop listening. May be called more than once."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._path.unlink(missing_ok=True)


def socket_folder(data: Path) -> Path:
    """Return `data/bus`, or `short_folder` if a socket's path there would be too long."""
    data = data.resolve()
    folder = data / "bus"
    if len(os.fsencode(folder)) + 1 + NAME_LENGTH <= LONGEST_PATH:
        return folder
    return short_folder(data)


def short_folder(data: Path) -> Path:
    """Return a folder outside the data folder for sockets that cannot be in it."""
    data = data.resolve()
    parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(parent) / f"canale-{os.getuid()}-{name}"


def _own_folder(folder: Path) -> None:
    """Make the folder, mode 0700. Raises PermissionError if it belongs to another user."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(folder):
        raise PermissionError(f"The bus's folder {folder} belongs to another user. Remove it.")
    folder.chmod(0o700)


def _is_ours(folder: Path) -> bool:
    """True for an existing folder of ours; False for a symbolic link to one."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
