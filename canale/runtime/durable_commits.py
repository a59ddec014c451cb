# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""PostgreSQL answers a commit when it is on the disk, whatever its server or role has set.

SQLite is set to do so where its connection is described (database_url.py).
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

# Only "off" answers before its own disk has the commit; anything else that an administrator chose,
# such as waiting for a replica too, stays.
# https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
RAISE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)


def require_durable_commits(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receive Django's ``connection_created``."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(RAISE)
