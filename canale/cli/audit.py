# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale audit: proves that the log of what staff did was not changed."""

from __future__ import annotations

import argparse
import sys

from canale.accounts.audit import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=["verify"], metavar="verify", help="the only action")


def run(arguments: argparse.Namespace) -> int:
    result = verify()
    if result.ok:
        sys.stdout.write(f"The audit log is whole: {result.entries} entries, to {result.end}\n")
        return 0
    if result.broken_at is None:
        sys.stderr.write(
            "canale: the audit log was cut off or written anew: its end is not as it was sealed "
            f"({result.entries} entries are there)\n"
        )
        return 1
    sys.stderr.write(
        f"canale: the audit log was changed: entry {result.broken_at} does not fit the one before "
        f"it ({result.entries} entries before it are whole)\n"
    )
    return 1
