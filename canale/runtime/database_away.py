# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Database outages: unreachable, locked, full or read-only, none of them the request's fault.

Every part of canale gives it the same name. The log has one line when it begins and one when it is
over, and no traceback in between: thousands of requests fail in the same way.
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

# The Retry-After of requests that were refused.
RETRY_SECONDS = 10


class DatabaseProblem(StrEnum):
    """The kinds of outage, as /readyz and the log name them."""

    AWAY = "no answer"
    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read-only"


# https://www.sqlite.org/rescode.html, by primary code. A missing table is SQLITE_ERROR: a bug, not
# an outage.
_SQLITE = {
    "BUSY": DatabaseProblem.LOCKED,
    "LOCKED": DatabaseProblem.LOCKED,
    "PROTOCOL": DatabaseProblem.LOCKED,
    "FULL": DatabaseProblem.FULL,
    "CANTOPEN": DatabaseProblem.AWAY,
    "IOERR": DatabaseProblem.AWAY,
    "READONLY": DatabaseProblem.READ_ONLY,
}
# Write errors of a failing disk: it can often still be read, for example when its file system was
# remounted read-only after a fault.
_SQLITE_WRITES = {
    "SQLITE_IOERR_WRITE": DatabaseProblem.READ_ONLY,
    "SQLITE_IOERR_FSYNC": DatabaseProblem.READ_ONLY,
    "SQLITE_IOERR_DIR_FSYNC": DatabaseProblem.READ_ONLY,
    "SQLITE_IOERR_TRUNCATE": DatabaseProblem.READ_ONLY,
    "SQLITE_IOERR_DELETE": DatabaseProblem.READ_ONLY,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html, by code or class.
_POSTGRESQL = {
    "53100": DatabaseProblem.FULL,
    "55P03": DatabaseProblem.LOCKED,
    "25006": DatabaseProblem.READ_ONLY,  # A former primary, now a standby.
    # A deadlock or serialization failure: the request may be retried.
    "40001": DatabaseProblem.LOCKED,
    "40P01": DatabaseProblem.LOCKED,
    "08": DatabaseProblem.AWAY,
    "53": DatabaseProblem.AWAY,
    "57": DatabaseProblem.AWAY,
    "58": DatabaseProblem.AWAY,
}
_BESIDE = {
    errno.ENOSPC: DatabaseProblem.FULL,
    errno.EDQUOT: DatabaseProblem.FULL,
    errno.EROFS: DatabaseProblem.READ_ONLY,
}
# Quiet period after which an outage is considered over. Reads succeed while the database is
# locked, full or read-only, so those need a longer one.
_QUIET_SECONDS = {
    DatabaseProblem.AWAY: 5.0,
    DatabaseProblem.LOCKED: 60.0,
    DatabaseProblem.FULL: 60.0,
    DatabaseProblem.READ_ONLY: 60.0,
}


def classify_error(error: BaseException | None) -> DatabaseProblem | None:
    """Return the database problem behind an error; None if it is something else."""
    while error is not None:
        cause = error.__cause__
        if isinstance(error, DatabaseError):
            if name := getattr(cause, "sqlite_errorname", None):
                return _SQLITE_WRITES.get(name) or _SQLITE.get(name.split("_")[1])
            if state := getattr(cause, "sqlstate", None):
                return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
            # Without a code it comes from the connection, not from the server.
            is_away = isinstance(error, OperationalError | InterfaceError)
            return DatabaseProblem.AWAY if is_away else None
        if isinstance(error, OSError) and error.errno in _BESIDE:
            # Uploads are stored beside the database.
            return _BESIDE[error.errno]
        error = cause
    return None


class CurrentOutage(NamedTuple):
    """An outage that is not over."""

    why: DatabaseProblem
    since: datetime


class Outage:
    """The database's health as this process knows it. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now: CurrentOutage | None = None
        self._last = 0.0
        self._failures = 0
        self._said: set[tuple[str, str]] = set()

    @property
    def now(self) -> CurrentOutage | None:
        return self._now

    def failed(self, why: DatabaseProblem, error: BaseException) -> CurrentOutage:
        """Record a failure; the first one of an outage is logged."""
        with self._lock:
            begins = self._now is None
            if begins:
                self._failures = 0
                self._said.clear()
            self._failures += 1
            self._last = self._clock()
            now = self._now = CurrentOutage(
                why, self._now.since if self._now else datetime.now(UTC)
            )
        if begins:
            reason = " ".join(str(error).split()) or type(error).__name__
            logger.error("Database unavailable (%s): %s; requests wait or return 503", why, reason)
        return now

    def answered(self) -> None:
        """Record a successful query. Called about once a second."""
        now = self._now
        if now is None or self._clock() - self._last < _QUIET_SECONDS[now.why]:
            return
        with self._lock:
            if self._now is None:
                return
            self._now, failures = None, self._failures
        lasted = (datetime.now(UTC) - now.since).total_seconds()
        logger.warning(
            "Database recovered after %d s (%d failures)",
            lasted,
            failures,
        )

    def is_new(self, record: logging.LogRecord) -> bool:
        """True if this message was not logged yet in this outage."""
        key = (record.name, str(record.msg))
        with self._lock:
            new = key not in self._said
            self._said.add(key)
        return new


outage = Outage()


class OncePerOutage(logging.Filter):
    """A log filter that lets each message about an outage pass once, without its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 0) == HTTPStatus.SERVICE_UNAVAILABLE:
            # Django logs each request; the cause was logged where the response was made.
            return False
        error = record.exc_info[1] if record.exc_info else None
        why = classify_error(error)
        if error is None or why is None:
            return True
        outage.failed(why, error)
        if not outage.is_new(record):
            return False
        record.msg, record.args = f"{record.getMessage()} (the database: {why})", ()
        record.exc_info = record.exc_text = None
        return True
