# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database is away, locked, full or read-only: no fault of the request, and it passes.

Everybody who meets it hears the same word for it. The log has one line when it begins and one when
it is over, and no traceback in between: thousands of requests fail in the same way.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)

# For how long who was turned away is asked to wait.
RETRY_SECONDS = 10


class Why(StrEnum):
    """What is the matter with the database, as /readyz and the log say it."""

    AWAY = "no answer"
    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read-only"


# https://www.sqlite.org/rescode.html, by primary code. A table that is missing is SQLITE_ERROR: a
# mistake of ours, which does not pass.
_SQLITE = {
    "BUSY": Why.LOCKED,
    "LOCKED": Why.LOCKED,
    "PROTOCOL": Why.LOCKED,
    "FULL": Why.FULL,
    "CANTOPEN": Why.AWAY,
    "IOERR": Why.AWAY,
    "READONLY": Why.READ_ONLY,
}
# Of a disk that fails, by what was tried: a disk that can be read is often one that takes nothing
# more, as a file system does that was mounted read-only after a fault.
_SQLITE_WRITES = {
    "SQLITE_IOERR_WRITE": Why.READ_ONLY,
    "SQLITE_IOERR_FSYNC": Why.READ_ONLY,
    "SQLITE_IOERR_DIR_FSYNC": Why.READ_ONLY,
    "SQLITE_IOERR_TRUNCATE": Why.READ_ONLY,
    "SQLITE_IOERR_DELETE": Why.READ_ONLY,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html, by code or class.
_POSTGRESQL = {
    "53100": Why.FULL,
    "55P03": Why.LOCKED,
    "25006": Why.READ_ONLY,  # What was the primary takes no more writes.
    # Two that waited for each other: who was sent away may come again.
    "40001": Why.LOCKED,
    "40P01": Why.LOCKED,
    "08": Why.AWAY,
    "53": Why.AWAY,
    "57": Why.AWAY,
    "58": Why.AWAY,
}
_BESIDE = {errno.ENOSPC: Why.FULL, errno.EDQUOT: Why.FULL, errno.EROFS: Why.READ_ONLY}
# So long nothing must fail before it is over. Who only reads has no trouble while it is locked,
# full or read-only: that others read says little.
_QUIET_SECONDS = {Why.AWAY: 5.0, Why.LOCKED: 60.0, Why.FULL: 60.0, Why.READ_ONLY: 60.0}


def why_away(error: BaseException | None) -> Why | None:
    """Why the database could not do what failed with this; None if the matter is another."""
    while error is not None:
        if isinstance(error, DatabaseError):
            return _why(error)
        if isinstance(error, OSError) and error.errno in _BESIDE:
            # Uploads are laid down beside it.
            return _BESIDE[error.errno]
        error = error.__cause__
    return None


def _why(error: DatabaseError) -> Why | None:
    cause = error.__cause__
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return _SQLITE_WRITES.get(name) or _SQLITE.get(name.split("_")[1])
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    # Without a code it comes from the connection, not from the server.
    return Why.AWAY if isinstance(error, OperationalError | InterfaceError) else None


class Since(NamedTuple):
    """An outage that is not over."""

    why: Why
    since: datetime


class Outage:
    """What this process knows of the database's health. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now: Since | None = None
        self._last = 0.0
        self._failures = 0
        self._said: set[tuple[str, str]] = set()

    @property
    def now(self) -> Since | None:
        return self._now

    def failed(self, why: Why, error: BaseException) -> Since:
        """Something needed the database in vain. Said once an outage."""
        with self._lock:
            begins = self._now is None
            if begins:
                self._failures = 0
                self._said.clear()
            self._failures += 1
            self._last = self._clock()
            now = self._now = Since(why, self._now.since if self._now else datetime.now(UTC))
        if begins:
            reason = " ".join(str(error).split()) or type(error).__name__
            logger.error(
                "The database: %s (%s). What needs it waits, or is answered 503", why, reason
            )
        return now

    def answered(self) -> None:
        """The database was read or written. Called by who does so every second."""
        now = self._now
        if now is None or self._clock() - self._last < _QUIET_SECONDS[now.why]:
            return
        with self._lock:
            if self._now is None:
                return
            self._now, failures = None, self._failures
        lasted = (datetime.now(UTC) - now.since).total_seconds()
        logger.warning(
            "The database answers again, after %d s in which %d things failed",
            lasted,
            failures,
        )

    def is_new(self, record: logging.LogRecord) -> bool:
        """Whether nobody said this in this outage."""
        key = (record.name, str(record.msg))
        with self._lock:
            new = key not in self._said
            self._said.add(key)
        return new


outage = Outage()


class OncePerOutage(logging.Filter):
    """Of the log: lines about a database that is away come once, in one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 0) == HTTPStatus.SERVICE_UNAVAILABLE:
            # Django's own, for each request. Whoever answered so has said why.
            return False
        error = record.exc_info[1] if record.exc_info else None
        why = why_away(error)
        if error is None or why is None:
            return True
        outage.failed(why, error)
        if not outage.is_new(record):
            return False
        record.msg, record.args = f"{record.getMessage()} (the database: {why})", ()
        record.exc_info = record.exc_text = None
        return True
