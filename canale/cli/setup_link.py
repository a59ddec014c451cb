# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale setup-link: a new link for the first account."""

from __future__ import annotations

import argparse
import sys

from canale.accounts.setup import AlreadySetUpError, make_setup_link
from canale.cli.commands import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options."""


def run(arguments: argparse.Namespace) -> int:
    try:
        link = make_setup_link()
    except AlreadySetUpError as error:
        raise CommandError(
            "an account already exists; its administrator adds people (canale staff)"
        ) from error
    sys.stdout.write(f"{link}\n")
    return 0
