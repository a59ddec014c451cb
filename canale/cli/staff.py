# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale staff: who works in a channel's newsroom."""

from __future__ import annotations

import argparse
import sys

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from canale.accounts import memberships, second_factor
from canale.accounts.models import Role, Staff
from canale.channel.models import Channel
from canale.cli import inputs
from canale.cli.commands import CommandError

# The model also has approvers, who have nothing to approve yet.
ROLES = ("editor", "publisher", "admin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", required=True, metavar="HANDLE", help=inputs.CHANNEL_HELP)
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--add", metavar="EMAIL", help="give --role; create the account if needed")
    act.add_argument("--remove", metavar="EMAIL", help="end somebody's access to this channel")
    act.add_argument(
        "--new-email", nargs=2, metavar=("OLD", "NEW"), help="change an account's address"
    )
    act.add_argument(
        "--second-factor",
        choices=("required", "optional"),
        help="whether everybody needs a passkey or codes besides the password",
    )
    parser.add_argument("--role", choices=ROLES, help="with --add")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="with --add of a new account: like `canale password`",
    )


def run(arguments: argparse.Namespace) -> int:
    channel = inputs.channel(arguments.channel)
    try:
        if arguments.add:
            _add(channel, inputs.email(arguments.add), arguments)
        elif arguments.remove:
            staff = _member(channel, inputs.email(arguments.remove))
            memberships.remove(channel, staff, by="cli")
            sys.stdout.write(f"{staff.email} no longer works in {channel.handle}.\n")
        elif arguments.new_email:
            old, new = map(inputs.email, arguments.new_email)
            memberships.change_email(_member(channel, old), _unused_address(new), by="cli")
            sys.stdout.write(f"{old} signs in as {new} from now on.\n")
        elif arguments.second_factor == "required":
            second_factor.require(channel, by="cli")
            sys.stdout.write(f"{channel.handle}: a second factor is required now.\n")
        elif arguments.second_factor == "optional":
            second_factor.make_optional(channel, by="cli")
            sys.stdout.write(f"{channel.handle}: a second factor is optional now.\n")
        else:
            rows = channel.memberships.order_by("staff__email").values_list("staff__email", "role")
            sys.stdout.writelines(f"{email}\t{role}\n" for email, role in rows)
    except memberships.LastAdministratorError as refused:
        raise CommandError(str(refused)) from refused
    return 0


def _add(channel: Channel, email: str, arguments: argparse.Namespace) -> None:
    if not arguments.role:
        raise CommandError(f"give --role: {', '.join(ROLES)}")
    role = Role(arguments.role)
    staff = _account(email)
    if staff is not None:
        if arguments.password_file:
            raise CommandError(
                f"{email} has an account and keeps its password: leave --password-file "
                "out, or give a new one by canale password"
            )
        memberships.give_role(channel, staff, role, by="cli")
        sys.stdout.write(f"{staff.email} is now {role.value} of {channel.handle}.\n")
        return
    _unused_address(email)
    password = inputs.password(arguments.password_file, email)
    memberships.add(channel, email, role, inputs.checked_password(password, email), by="cli")
    sys.stdout.write(f"{email} has an account and is {role.value} of {channel.handle}.\n")


def _account(email: str) -> Staff | None:
    return Staff.objects.filter(email=inputs.email(email)).first()


def _member(channel: Channel, email: str) -> Staff:
    staff = _account(email)
    if staff is None or not staff.memberships.filter(channel=channel).exists():
        raise CommandError(
            f"{email} does not work in {channel.handle}; canale staff --channel "
            f"{channel.handle} lists who does"
        )
    return staff


def _unused_address(email: str) -> str:
    """Return the address if it can become an account's. Raises CommandError."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"{email} is not an e-mail address") from error
    if _account(email) is not None:
        raise CommandError(f"there is already an account {email}")
    return email
