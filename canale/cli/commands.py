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
    "worker": "encrypt and send what is waiting; `canale serve` starts its own",
    "init": "make a channel and its administrator; asks for what is not given",
    "demo": "make the channel of an invented city, with two weeks of posts and reactions",
    "publish": "publish a post and print its address",
    "token": "print a new token for a program that publishes; or --list, --revoke those there are",
    "outlet": "list a channel's outlets; or --add, --test, --off, --on, --remove",
    "check": "tell what is wrong with the set-up and how to fix it",
    "audit": "verify the audit log",
    "migrate": "bring the database to this version; `serve`, `init` and `demo` do it too",
    "password": "set the password of an account; its second factors and passkeys are removed",
    "setup-link": "print a new one-time link that sets the channel up, valid for 24 hours; older "
    "ones end",
    "staff": "list who works in a channel's newsroom; or --add, --remove, --new-email, "
    "--second-factor",
    "resume": "send the rest of what was given up after errors in a row, once their cause is fixed",
    "backup": "write everything that must be kept into one file, while the channel serves",
    "restore": "put a backup in place; checks everything before it touches anything",
    "migrate-database": "copy everything from SQLite to an empty PostgreSQL database, checked row "
    "by row",
    "rotate-key": "begin a change of the secret key or, once every server runs with the new one, "
    "finish it",
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
        description="A city's official line to its citizens.",
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
