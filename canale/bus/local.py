# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bus of one machine: a folder of Unix datagram sockets, one for each listener.

Nothing to start and nothing to configure: who wants to listen binds a socket in the folder, who
has something to say sends it to every socket there (unix(7)).
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

from canale.bus.base import Callback

logger = logging.getLogger(__name__)

# sun_path has 108 bytes on Linux and 104 on the BSDs, with the final zero.
LONGEST_PATH = 103
# bind(2) in a folder whose file system has no sockets.
NO_SOCKETS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
# "<pid>-<random>.sock": a pid has up to 7 digits.
NAME_LENGTH = 7 + 1 + 8 + 5
LARGEST = 8192
# Hints taken between two turns of the event loop.
BURST = 64


class LocalBus:
    """A bus for processes that share `data`, the folder of CANALE_DATA."""

    def __init__(self, data: Path) -> None:
        self.folder = socket_folder(data)
        # Where the data folder's file system has no sockets (FAT, SMB).
        self._other = short_folder(data)

    def publish(self, subject: str, data: bytes = b"") -> None:
        """Tells every listener. A listener whose queue is full has hints enough to wake it."""
        message = subject.encode() + b"\n" + data
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                # The other is in a place where anybody may make a folder of its name.
                for folder in filter(_is_ours, {self.folder, self._other}):
                    for path in folder.glob("*.sock"):
                        _send(sender, message, path)
        except OSError:
            logger.warning("The hint %s was not sent; polling repairs it.", subject, exc_info=True)

    def subscribe(self, callback: Callback) -> "LocalSubscription":
        """Listens on the running event loop. Raises OSError if the folder is not ours alone."""
        _own_folder(self.folder)
        name = f"{os.getpid()}-{secrets.token_hex(4)}.sock"
        try:
            return LocalSubscription(self.folder / name, callback)
        except OSError as error:
            if error.errno not in NO_SOCKETS or self._other == self.folder:
                raise
            _own_folder(self._other)
            return LocalSubscription(self._other / name, callback)

    @property
    def trouble(self) -> str:
        """None: there is nothing that could be away."""
        return ""

    @property
    def trouble_since(self) -> datetime | None:
        return None


def _send(sender: socket.socket, message: bytes, path: Path) -> None:
    try:
        sender.sendto(message, str(path))
    except (ConnectionRefusedError, FileNotFoundError):
        # Its process died without tidying up.
        path.unlink(missing_ok=True)
    except BlockingIOError:
        logger.info("A listener is busy; a hint was left out.")
    except OSError:
        logger.warning("A hint did not reach %s.", path, exc_info=True)


class LocalSubscription:
    """One listener: a bound socket and its callback."""

    def __init__(self, path: Path, callback: Callback) -> None:
        self._path = path
        self._callback = callback
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
        for _ in range(BURST):
            if self._socket.fileno() < 0:
                return
            try:
                message = self._socket.recv(LARGEST)
            except BlockingIOError:
                return
            self._tell(message)

    def _tell(self, message: bytes) -> None:
        subject, _, data = message.partition(b"\n")
        try:
            self._callback(subject.decode(), data)
        except Exception:
            # One bad hint must not end the listening.
            logger.exception("A hint was not understood: %r", message[:100])

    def close(self) -> None:
        """Stops listening. May be called more than once."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._path.unlink(missing_ok=True)


def socket_folder(data: Path) -> Path:
    """`data/bus`, or, where a socket's path there would be too long, a short folder for it."""
    data = data.resolve()
    folder = data / "bus"
    if len(os.fsencode(folder)) + 1 + NAME_LENGTH <= LONGEST_PATH:
        return folder
    return short_folder(data)


def short_folder(data: Path) -> Path:
    """A folder for the sockets of a data folder that cannot hold them."""
    data = data.resolve()
    place = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(place) / f"canale-{os.getuid()}-{name}"


def _own_folder(folder: Path) -> None:
    """Makes the folder, mode 0700; refuses one that somebody else laid there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(folder):
        raise PermissionError(f"The bus's folder {folder} belongs to somebody else. Remove it.")
    folder.chmod(0o700)


def _is_ours(folder: Path) -> bool:
    """False also for one that is not there, and for a link to a folder."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
