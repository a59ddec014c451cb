# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command `canale`: one module for each of its commands.

This module knows their names and how they may be called. It imports no command and no settings, so
that `canale --help` is quick; runner.py imports the one command that is asked for.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from canale.core.data_folder import embedded_database
from canale.core.errors import SettingsError

COMMANDS = {
    "serve": "serve the channel: site, real-time stream, scheduler and workers",
    "worker": "encrypt and send what is waiting; `canale serve` starts its own",
    "init": "make a channel and its administrator; asks for what is not given",
    "demo": "make the channel of an invented city, with two weeks of posts and reactions",
    "publish": "publish a post and print its address",
    "token": "print a new token for a program that publishes; or --list, --revoke those there are",
    "check": "tell what is wrong with the set-up and how to mend it",
    "audit": "verify the audit log",
    "migrate": "bring the database to this version; `serve`, `init` and `demo` do it too",
    "password": "set the password of an account; its second factors and passkeys are removed",
    "setup-link": "print a new one-time link that sets the channel up, valid for 24 hours; older "
    "ones end",
    "staff": "list who works in a channel's newsroom; or --add, --remove, --new-email, "
    "--second-factor",
    "resume": "send the rest of what was given up after errors in a row, once their reason is "
    "mended",
    "backup": "write everything that must be kept into one file, while the channel serves",
    "restore": "put a backup in place; checks everything before it touches anything",
    "migrate-database": "copy everything from SQLite to an empty PostgreSQL database, checked row "
    "by row",
    "rotate-key": "begin a change of the secret key or, once every server runs with the new one, "
    "finish it",
}
# While one of these runs, others may not take the data away under it (folder_locks.py).
LONG_RUNNING = ("serve", "worker")
# These begin where there is nothing yet. Any other, called in the wrong folder, would leave an
# empty database and a new key there.
CAN_START_EMPTY = ("serve", "init", "demo", "migrate", "restore", "check")


class CommandError(Exception):
    """Ends a command with one line that says what was wrong and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 only when done, 1 when it could not be, 2 when it was asked wrongly."""
    # Database, write-ahead log and sockets are nobody else's on this machine.
    os.umask(0o077)
    _open_missing_streams()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.core.django_settings")
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if given[0].startswith("-"):
            return _show_help(given)
        if given[0] not in COMMANDS:
            sys.stderr.write(f"canale: {_unknown_command(given[0])}\n")
            return 2
        if {"-h", "--help"} & set(given):
            return _show_help(given, command=given[0])
        return _run(given)
    except (SettingsError, CommandError) as error:
        sys.stderr.write(f"canale: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output closed it, as `head` does; Python would write again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _open_missing_streams() -> None:
    """A shell's ``<&-`` or ``>&-`` closes a stream. Left closed, its number would go to the next
    file that is opened, such as the database, and whatever is written there with it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _unknown_command(command: str) -> str:
    """Before the settings are read: a slip of the finger makes no data folder."""
    near = difflib.get_close_matches(command, COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`canale --help` shows those there are"
    return f"there is no command {command!a}; {hint}"


def _show_help(arguments: Sequence[str], command: str = "") -> int:
    """Help needs no settings, and makes no folder and no key."""
    if command:
        # Late: without a command it takes neither.
        import django

        from canale.core.settings import settings_for_help

        settings_for_help()
        django.setup()
    try:
        shown = parser(command)
        shown.parse_args(arguments)
        shown.error("begin with a command")
    except SystemExit as ended:
        return int(ended.code or 0)


def _run(arguments: Sequence[str]) -> int:
    command = arguments[0]
    # Before the settings are read, which make the data folder and a key.
    file = None if command in CAN_START_EMPTY else embedded_database(os.environ)
    if file is not None and not file.exists():
        raise CommandError(
            f"there is no channel in {file.parent}: go to the folder where its `data` is, or set "
            "CANALE_DATA; `canale serve` and `canale init` begin a new one"
        )
    if command in LONG_RUNNING:
        # Stopped before it has its own handlers, it exits with 0, as it does later. As process 1
        # of a container it would otherwise ignore SIGTERM until it is killed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Late: this reads the settings.
    from canale.cli.runner import run

    return run(arguments)


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
    """Python gives a byte that it cannot decode as half of a surrogate pair (PEP 383)."""
    return not any("\ud800" <= char <= "\udfff" for char in argument)
