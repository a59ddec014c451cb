# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Chooses the SQLite library before Django imports one."""

import sys


def use_current_sqlite() -> None:
    """Let ``import sqlite3`` give the newer library of PyPI's pysqlite3.

    The system's SQLite may have the WAL-reset bug (fixed in 3.51.3), which can
    corrupt a database that is written and checkpointed at once:
    https://sqlite.org/wal.html#walresetbug
    Where there is no wheel for the machine, the system's own stays in use, and
    ``canale check`` says so.
    """
    try:
        import pysqlite3  # noqa: PLC0415
    except ImportError:
        return
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
