# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a command's arguments name."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from canale.cli import CommandError

if TYPE_CHECKING:
    from canale.channel.models import Channel


def channel(handle: str) -> Channel:
    """Raises CommandError."""
    from canale.channel.models import Channel

    found = Channel.objects.filter(handle=handle).first()
    if found is None:
        known = ", ".join(Channel.objects.values_list("handle", flat=True)) or "none yet"
        raise CommandError(f"there is no channel {handle}; there is: {known}")
    return found


def file(path: str) -> bytes:
    """Raises CommandError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror})") from error


def password(path: str | None, whose: str) -> str:
    """The first line of a file, or of standard input for ``-``; without a file it is asked for.

    A command's arguments would show in the list of processes. Raises CommandError.
    """
    if path is None:
        if not sys.stdin.isatty():
            raise CommandError("give --password-file (- reads standard input)")
        return getpass.getpass(f"Password of {whose}: ")
    said = sys.stdin.readline() if path == "-" else file(path).decode("utf-8", "replace")
    text = said.split("\n", 1)[0]
    if not text:
        raise CommandError(f"{path} is empty; its first line is the password")
    return text


def checked_password(text: str, email: str) -> str:
    """Raises CommandError for one that is too short or too common."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.utils import translation

    from canale.accounts.models import Staff

    try:
        with translation.override("en"):
            validate_password(text, Staff(email=email))
    except ValidationError as error:
        raise CommandError("the password: " + " ".join(error.messages)) from error
    return text
