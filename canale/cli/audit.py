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
        sys.stdout.write(f"The audit log is intact: {result.entries} entries, to {result.end}\n")
        return 0
    if result.broken_at is None:
        sys.stderr.write(
            "canale: the audit log was truncated or rewritten: its end does not match its seal "
            f"({result.entries} entries remain)\n"
        )
        return 1
    sys.stderr.write(
        f"canale: the audit log was changed: entry {result.broken_at} does not match the "
        f"previous one ({result.entries} entries before it are intact)\n"
    )
    return 1
