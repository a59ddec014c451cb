# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs one command: sets Django up, then imports the command's module."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import django

from canale.cli.commands import LONG_RUNNING, CommandError, is_text, parser
from canale.core.settings import settings
from canale.runtime.gc_tuning import paused_gc

# Arguments that name files: on Linux a name is bytes, in whatever encoding.
FILES = ("file", "image", "password_file")


def run(arguments: Sequence[str]) -> int:
    """Return the exit status. Raises CommandError, and any error that is a bug of ours."""
    try:
        with paused_gc():
            django.setup()
            if arguments[0] in LONG_RUNNING:
                # Before the command's module is imported: that declares metrics.
                from canale.metrics.multiprocess import share_metrics

                share_metrics(settings.data, reset=list(arguments) == ["serve"])
            if settings.nats_url:
                from canale.cli.brokers import choose_bus

                choose_bus()
            parsed = parser(arguments[0]).parse_args(arguments)
        refuse_what_is_not_text(parsed)
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except Exception as error:
        # Late: only a failed command needs it.
        from canale.cli.diagnostics import diagnose

        diagnosis = diagnose(error)
        if diagnosis is None:
            raise
        raise CommandError(str(diagnosis)) from error
    return status


def refuse_what_is_not_text(parsed: argparse.Namespace) -> None:
    """Raise CommandError for arguments that are not UTF-8: they would be published damaged."""
    for name, value in vars(parsed).items():
        texts = value if isinstance(value, list) else [value]
        if name not in FILES and any(isinstance(t, str) and not is_text(t) for t in texts):
            raise CommandError(
                f"{name.replace('_', '-')} is not UTF-8: set the terminal to UTF-8 (is it "
                "Latin-1?), or save the script as UTF-8"
            )
