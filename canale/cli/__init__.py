# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command `canale`: one file for each of its commands."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from canale.core.data_folder import embedded_database
from canale.core.settings import SettingsError, settings_for_help

COMMANDS = (
    "serve", "worker", "init", "demo", "publish", "token", "check", "audit", "migrate", "password",
    "setup-link", "staff", "resume", "backup", "restore", "migrate-database", "rotate-key",
)  # fmt: skip
# While one of these runs, others may not take the data away under it (folder_locks.py).
STAYING = ("serve", "worker")
# These begin where there is nothing yet. Any other, called in the wrong folder, would leave an
# empty database and a new key there.
BEGINNING = ("serve", "init", "demo", "migrate", "restore", "check")

# Arguments that name files: on Linux a name is bytes, in whatever encoding.
FILES = ("file", "image", "password_file")


class CommandError(Exception):
    """Ends a command with one line that says what was wrong and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 only when done, 1 when it could not be, 2 when it was asked wrongly."""
    # Database, write-ahead log and sockets are nobody else's on this machine.
    os.umask(0o077)
    _open_missing_streams()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.core.django_settings")
    given = list(sys.argv[1:] if arguments is None else arguments)
    unknown = _unknown_command(given)
    if unknown:
        sys.stderr.write(f"canale: {unknown}\n")
        return 2
    if not given or {"-h", "--help"} & set(given):
        return _helped(given)
    try:
        _refuse_where_nothing_is(given)
        _exit_when_stopped_early(given[0])
        # Commands read the settings when they are imported.
        asked = _parser().parse_args(given)
        _refuse_what_is_not_text(asked)
        import django

        django.setup()
        from canale.cli.brokers import choose_bus

        choose_bus()
        status = _run(asked)
        sys.stdout.flush()
        return status
    except (SettingsError, CommandError) as error:
        return _ended(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output closed it, as `head` does; Python would write again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        from canale.cli.diagnostics import diagnose

        trouble = diagnose(error)
        if trouble is None:
            raise
        return _ended(trouble)


def _exit_when_stopped_early(command: str) -> None:
    """Let a service that is stopped before it has its own handlers exit with 0, as it does later.
    As process 1 of a container it would otherwise ignore SIGTERM until it is killed."""
    if command in STAYING:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _open_missing_streams() -> None:
    """A shell's ``<&-`` or ``>&-`` closes a stream. Left closed, its number would go to the next
    file that is opened, such as the database, and whatever is written there with it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _unknown_command(arguments: Sequence[str]) -> str:
    """Before the settings are read: a slip of the finger makes no data folder."""
    command = next(iter(arguments), "")
    if not command or command.startswith("-") or command in COMMANDS:
        return ""
    near = difflib.get_close_matches(command, COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`canale --help` shows those there are"
    return f"there is no command {command!a}; {hint}"


def _helped(arguments: Sequence[str]) -> int:
    """Help needs no settings, and makes no folder and no key."""
    settings_for_help()
    try:
        _parser().parse_args(arguments or ["--help"])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _refuse_where_nothing_is(arguments: Sequence[str]) -> None:
    """Before the settings are read, which make the data folder and a key. Raises CommandError."""
    command = arguments[0] if arguments else ""
    if command not in COMMANDS or command in BEGINNING:
        return
    file = embedded_database(os.environ)
    if file is not None and not file.exists():
        raise CommandError(
            f"there is no channel in {file.parent}: go to the folder where its `data` is, or set "
            "CANALE_DATA; `canale serve` and `canale init` begin a new one"
        )


def _refuse_what_is_not_text(asked: argparse.Namespace) -> None:
    """Bytes that are not UTF-8 would be published with holes. Raises CommandError."""
    for name, value in vars(asked).items():
        texts = value if isinstance(value, list) else [value]
        if name not in FILES and any(isinstance(t, str) and not is_text(t) for t in texts):
            raise CommandError(
                f"{name.replace('_', '-')} is not UTF-8: set the terminal to UTF-8 (is it "
                "Latin-1?), or save the script as UTF-8"
            )


def is_text(argument: str) -> bool:
    """Python gives a byte that it cannot decode as half of a surrogate pair (PEP 383)."""
    return not any("\ud800" <= char <= "\udfff" for char in argument)


def _ended(why: object) -> int:
    sys.stderr.write(f"canale: {why}\n")
    return 1


def _run(asked: argparse.Namespace) -> int:
    from canale.cli.folder_locks import shared_folder

    with shared_folder() if asked.command in STAYING else nullcontext():
        status: int = asked.run(asked)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="canale",
        description="A city's official line to its citizens.",
        epilog="Settings are in the environment: docs/settings.md.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"canale.cli.{name.replace('-', '_')}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run, command=name)
    return parser
