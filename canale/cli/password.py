# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale password: sets the password of an account."""

from __future__ import annotations

import argparse
import sys

from allauth.mfa.models import Authenticator
from django.db import transaction

from canale.accounts import audit
from canale.accounts.models import Staff
from canale.accounts.sessions import end_sessions
from canale.cli import inputs
from canale.cli.commands import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", metavar="EMAIL", help="the account's address")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="a file whose first line is the password; - for standard input. Prompts by default",
    )


def run(arguments: argparse.Namespace) -> int:
    email = inputs.email(arguments.email)
    staff = Staff.objects.filter(email=email).first()
    if staff is None:
        raise CommandError(f"there is no account {email}")
    password = inputs.password(arguments.password_file, staff.email)
    inputs.checked_password(password, staff.email)
    with transaction.atomic():
        staff.set_password(password)
        staff.save(update_fields=["password"])
        Authenticator.objects.filter(user=staff).delete()
        end_sessions(staff)
        audit.record("cli", "staff.password_set", email=staff.email)
    sys.stdout.write(f"{staff.email}: the password is set; passkeys and codes are removed.\n")
    return 0
