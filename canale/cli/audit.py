# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale audit: proves that the log of what staff did was not changed."""

from __future__ import annotations

import argparse
import sys

from canale.accounts.audit import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=["verify"], metavar="verify", help="the only act there is")


def run(arguments: argparse.Namespace) -> int:
    found = verify()
    if found.ok:
        sys.stdout.write(f"The audit log is whole: {found.entries} entries, to {found.end}\n")
        return 0
    if found.broken_at is None:
        sys.stderr.write(
            "canale: the audit log was cut off or written anew: its end is not as it was sealed "
            f"({found.entries} entries are there)\n"
        )
        return 1
    sys.stderr.write(
        f"canale: the audit log was changed: entry {found.broken_at} does not fit the one before "
        f"it ({found.entries} entries before it are whole)\n"
    )
    return 1
