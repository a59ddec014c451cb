# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The limit of open files, and so of connections, of this process (getrlimit(2))."""

from __future__ import annotations

import resource


def raise_open_files() -> int:
    """Raise the limit as far as an ordinary process may; the limit from now on.

    The usual 1,024 is meant for programs that use select(2), which we do not:
    https://0pointer.net/blog/file-descriptor-limits.html
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return most_open_files()


def most_open_files() -> int:
    """Return the limit to which `raise_open_files` can raise it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if hard == resource.RLIM_INFINITY else hard
