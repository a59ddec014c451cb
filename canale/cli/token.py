# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale token: lets a program publish in a channel."""

from __future__ import annotations

import argparse
import sys

from django.db import transaction

from canale.accounts import audit, tokens
from canale.accounts.models import Token
from canale.channel.characters import is_damaged, one_line
from canale.cli import inputs
from canale.cli.commands import CommandError

MAX_NAME_LENGTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", required=True, metavar="HANDLE", help=inputs.CHANNEL_HELP)
    parser.add_argument("--name", default="token", help="what it is for; the audit log shows it")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--list", action="store_true", help="show the channel's tokens")
    act.add_argument(
        "--revoke", type=inputs.number, metavar="NUMBER", help="revoke the token with this number"
    )


def run(arguments: argparse.Namespace) -> int:
    channel = inputs.channel(arguments.channel)
    rows = Token.objects.filter(channel=channel, revoked_at=None).order_by("pk")
    if arguments.list:
        for token in rows:
            sys.stdout.write(f"{token.pk}\t{token.name}\t{token.created_at:%Y-%m-%d}\n")
        return 0
    with transaction.atomic():
        if arguments.revoke is not None:
            revoked = rows.filter(pk=arguments.revoke).first()
            if revoked is None:
                raise CommandError(f"there is no token {arguments.revoke}; see --list")
            tokens.revoke(revoked)
            audit.record("cli", "token.revoked", channel.handle, token=revoked.name)
            sys.stdout.write(f"Token {revoked.pk} ({revoked.name}) is revoked.\n")
            return 0
        name = checked_name(arguments.name)
        secret = tokens.make_token(channel, name)
        audit.record("cli", "token.made", channel.handle, token=name)
    sys.stdout.write(secret + "\n")
    if sys.stdout.isatty():
        sys.stderr.write("Copy it now: it is not shown again. To end it: --revoke.\n")
    return 0


def checked_name(text: str) -> str:
    """Return the name without stray white space. Raises CommandError."""
    name = one_line(text)
    if not name or is_damaged(name) or len(name) > MAX_NAME_LENGTH:
        raise CommandError(f"--name needs 1 to {MAX_NAME_LENGTH} characters of Unicode text")
    return name
