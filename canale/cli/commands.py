# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The names of the commands, how they may be called, and the error that ends one.

This module imports no command and no settings, so that `canale --help` is quick.
"""

from __future__ import annotations

import argparse
import importlib

COMMANDS = {
    "serve": "serve the channel: site, real-time stream, scheduler and workers",
    "worker": "encrypt and send queued notifications; `canale serve` starts its own workers",
    "init": "create a channel and its administrator; prompts for whatever is missing",
    "demo": "create the channel of an invented city, with a month of posts and reactions",
    "publish": "publish a post and print its URL",
    "token": "create, list and revoke access tokens for programs that publish",
    "outlet": "list, add, test, switch off and on, and remove a channel's outlets",
    "check": "report what is wrong with the installation and how to fix it",
    "audit": "verify the audit log",
    "migrate": "migrate the database to this version; `serve`, `init` and `demo` do it too",
    "password": "set an account's password, and remove its second factors and passkeys",
    "setup-link": "print a new one-time link to set the channel up, valid for 24 hours; it "
    "replaces older ones",
    "staff": "list, add and remove the people of a channel's newsroom, and set their roles",
    "resume": "send the batches that failed five times in a row, once the cause is fixed",
    "backup": "write everything that must be kept to one file, while the channel is served",
    "restore": "restore a backup; checks everything before it changes anything",
    "migrate-database": "copy everything from SQLite to an empty PostgreSQL database, and "
    "compare it row by row",
    "rotate-key": "start changing the secret key or, once every server uses the new one, finish",
}
# While one of these runs, no other command may replace the data (folder_locks.py).
LONG_RUNNING = ("serve", "worker")
# These may start with an empty data folder. Any other, called in the wrong folder, would create an
# empty database and a new key there.
CAN_START_EMPTY = ("serve", "init", "demo", "migrate", "restore", "check")


class CommandError(Exception):
    """A command cannot be completed; the message, one line, says why and what to do."""


def parser(command: str = "") -> argparse.ArgumentParser:
    """Make a parser that knows all commands, and the arguments of one, whose module it imports."""
    parser = argparse.ArgumentParser(
        prog="canale",
        description="A city's own one-way channel to its citizens.",
        epilog="Settings are in the environment: docs/settings.md.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        entry = commands.add_parser(name, help=summary, description=summary)
        if name == command:
            module = importlib.import_module(f"canale.cli.{name.replace('-', '_')}")
            module.add_arguments(entry)
            entry.set_defaults(run=module.run, command=name)
    return parser


def is_text(argument: str) -> bool:
    """Check for surrogates, which stand for bytes that Python could not decode (PEP 383)."""
    return not any("\ud800" <= char <= "\udfff" for char in argument)
