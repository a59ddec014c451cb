# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command `canale`: one file for each of its commands."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from canale.settings import SettingsError

COMMANDS = (
    "serve", "worker", "init", "demo", "publish", "token", "check", "audit", "migrate", "password",
    "staff", "resume", "backup", "restore", "migrate-database", "rotate-key",
)  # fmt: skip
# While one of these runs, others may not take the data away under it (running.py).
STAYING = ("serve", "worker")


class CommandError(Exception):
    """Ends a command with one line that says what was wrong and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 only when done, 1 when it could not be, 2 when it was asked wrongly."""
    # Database, write-ahead log and sockets are nobody else's on this machine.
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canale.django_settings")
    try:
        # Commands read the settings when they are imported.
        asked = _parser().parse_args(arguments)
        import django

        django.setup()
        return _run(asked)
    except (SettingsError, CommandError) as error:
        return _ended(error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from canale.cli.trouble import trouble_of

        trouble = trouble_of(error)
        if trouble is None:
            raise
        return _ended(trouble)


def _ended(why: object) -> int:
    sys.stderr.write(f"canale: {why}\n")
    return 1


def _run(asked: argparse.Namespace) -> int:
    from canale.cli.running import running

    with running() if asked.command in STAYING else nullcontext():
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
