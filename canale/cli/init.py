# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale init: the first channel and its administrator, without a browser."""

from __future__ import annotations

import argparse
import sys

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import translation

from canale.accounts.models import Staff
from canale.accounts.setup import make_admin
from canale.channel.channels import create_channel
from canale.channel.colours import DEFAULT_COLOUR
from canale.cli import inputs
from canale.cli.commands import CommandError, is_text
from canale.cli.migrate import migrate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--handle", help="the channel's handle, as in /c/HANDLE/: a-z, 0-9, -")
    parser.add_argument("--name", help="the channel's name, as citizens see it")
    parser.add_argument("--description", default="", help="one or two sentences about the channel")
    parser.add_argument(
        "--colour",
        default=DEFAULT_COLOUR,
        metavar="#RRGGBB",
        help="the city's colour, as in its coat of arms",
    )
    parser.add_argument("--admin", metavar="EMAIL", help="the administrator's address")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="a file whose first line is the administrator's password; - for standard input",
    )


def run(arguments: argparse.Namespace) -> int:
    migrate()
    handle = arguments.handle or _ask("Handle of the channel (a-z, 0-9, -)")
    name = arguments.name or _ask("Name of the channel")
    email = inputs.email(arguments.admin or _ask("E-mail of the administrator"))
    password = inputs.password(arguments.password_file, email)
    inputs.checked_password(password, email, name, handle)
    if Staff.objects.filter(email=email.lower()).exists():
        raise CommandError(f"there is already an account {email}")
    # Also around the except: Django translates messages when they are read.
    with translation.override("en"):
        try:
            with transaction.atomic():
                validate_email(email)
                channel = create_channel(handle, name, arguments.description, arguments.colour)
                make_admin(channel, email, password, by="cli")
        except ValidationError as error:
            named = error.message_dict if hasattr(error, "error_dict") else {}
            messages = [f"{name}: {' '.join(texts)}" for name, texts in named.items()]
            raise CommandError("; ".join(messages or error.messages)) from error
    sys.stdout.write(f"Channel {handle} is ready; its administrator is {email}.\n")
    return 0


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError("give --handle, --name, --admin and --password-file")
    answer = input(f"{question}: ").strip()
    if not is_text(answer):
        raise CommandError("that was not UTF-8: set the terminal to UTF-8 (is it Latin-1?)")
    return answer
