# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command `canale`: one module for each of its commands.

commands.py knows their names; runner.py imports the one command that is asked for.
"""

from __future__ import annotations

import difflib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from canale.cli.commands import CAN_START_EMPTY, COMMANDS, LONG_RUNNING, CommandError, parser
from canale.core.data_folder import embedded_database
from canale.core.errors import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 when done, 1 when it failed, 2 for wrong arguments."""
    # No other user of this machine may open the database, its log or the sockets.
    os.umask(0o077)
    # A shell's `<&-` or `>&-` closes a stream. Left closed, its number would go to the next file
    # that is opened, such as the database, and whatever is written there with it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.core.django_settings")
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        return _run(words)
    except (SettingsError, CommandError) as error:
        sys.stderr.write(f"canale: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader closed our output, as `head` does. Python flushes stdout again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: Sequence[str]) -> int:
    command = arguments[0]
    if command.startswith("-"):
        return _show_help(arguments)
    if command not in COMMANDS:
        # No settings are read, so a typo creates no data folder.
        near = difflib.get_close_matches(command, COMMANDS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`canale --help` shows those there are"
        sys.stderr.write(f"canale: there is no command {command!a}; {hint}\n")
        return 2
    if {"-h", "--help"} & set(arguments):
        return _show_help(arguments, command=command)
    # Checked before the settings are read, which creates the data folder and a key.
    file = None if command in CAN_START_EMPTY else embedded_database(os.environ)
    if file is not None and not file.exists():
        raise CommandError(
            f"there is no channel in {file.parent}: go to the folder where its `data` is, or set "
            "CANALE_DATA; `canale serve` and `canale init` begin a new one"
        )
    if command in LONG_RUNNING:
        # Until the service has its own handler: exit with 0, as it does later. Process 1 of a
        # container without a handler ignores SIGTERM until it is killed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Late: importing it reads the settings.
    from canale.cli.runner import run

    return run(arguments)


def _show_help(arguments: Sequence[str], command: str = "") -> int:
    """Help works without settings, and creates no folder and no key."""
    if command:
        # Late: `canale --help` needs neither.
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
