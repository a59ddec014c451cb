# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A parser that turns CANALE_DATABASE_URL into Django's settings of a database."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

# Time-outs that detect a network which drops packets (libpq's options: seconds, but milliseconds
# for unacknowledged data). A worker that waits longer has lost its lease anyway. They have no
# effect on a Unix socket.
PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

HIDDEN = "…"


def parse_database_url(url: str) -> dict[str, Any]:
    """Turn a database URL into Django's settings of one database. Raises ValueError."""
    if any(unicodedata.category(character) == "Cc" for character in url):
        raise ValueError("a control character in a database URL")
    parts = urlsplit(url)
    if parts.fragment or parts.port == 0:
        raise ValueError("not a database URL")
    if parts.scheme == "sqlite" and len(parts.path) > 1 and not parts.netloc + parts.query:
        return _sqlite(unquote(parts.path[1:], errors="surrogateescape"))
    if parts.scheme in {"postgresql", "postgres"} and len(parts.path) > 1:
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        _refuse_unknown_options(options)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or options.pop("user", "")),
            "PASSWORD": unquote(parts.password or options.pop("password", "")),
            "HOST": unquote(parts.hostname or options.pop("host", "")),
            "PORT": str(parts.port or options.pop("port", "")),
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {**PATIENCE, **options},
        }
    raise ValueError("not a database URL")


def database_file_url(path: Path) -> str:
    """Return the URL of an SQLite database file."""
    return f"sqlite:///{quote(os.fsencode(path))}"


def shown(url: str) -> str:
    """Return a database URL, or what was meant as one, without its password and options."""
    scheme, there, _ = url.partition("://")
    if not there or not scheme.isalnum():
        return HIDDEN  # Perhaps the password itself, from the wrong file.
    try:
        user = quote(parse_database_url(url).get("USER", ""), safe="")
    except ValueError:
        return f"{scheme}://{HIDDEN}"
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    # A password that was not percent-encoded, or a URL without its host, leaves parts of it here.
    if place and (
        not user or "/" in parts.path[1:] or "@" in parts.path + parts.query + parts.fragment
    ):
        return f"{scheme}://{HIDDEN}"
    return f"{scheme}://{user}{user and '@'}{place}{parts.path}"


def _refuse_unknown_options(options: Mapping[str, str]) -> None:
    """Raise ValueError for options that libpq does not know. Opens no connection."""
    if not options:
        return
    # Imported late: SQLite does not need it.
    import psycopg  # noqa: PLC0415
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    try:
        make_conninfo(**options)
    except psycopg.Error as error:
        raise ValueError("an option that libpq does not know") from error


def _sqlite(path: str) -> dict[str, Any]:
    # SQLite's own names for a database in memory, or for none, are not files that several
    # processes share.
    if path.startswith((":", "file:")) or path.endswith("/") or "\0" in path:
        raise ValueError("not an SQLite file")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A transaction that reads and then writes fails immediately under load unless it takes
            # the write lock at its start: https://www.sqlite.org/lang_transaction.html
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: a commit returns when the log is on the disk, so a power cut undoes nothing
            # that was confirmed (docs/decisions/0051). With NORMAL the last commits may be lost.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            " PRAGMA cache_size=-32000;",
        },
    }
