# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Readers of what a command is given: channels, files, standard input, passwords."""

from __future__ import annotations

import codecs
import getpass
import sys
from pathlib import Path

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import translation

from canale.accounts.addresses import address
from canale.accounts.models import Staff
from canale.channel.characters import is_blank
from canale.channel.models import Channel
from canale.cli.commands import CommandError, is_text
from canale.net.numbers import number_in

CHANNEL_HELP = "the channel's handle, as in /c/HANDLE/"


def channel(handle: str) -> Channel:
    """Find a channel by its handle. Raises CommandError."""
    channel = Channel.objects.filter(handle=handle).first()
    if channel is None:
        known = ", ".join(Channel.objects.values_list("handle", flat=True))
        hint = (
            f"there is: {known}"
            if known
            else "there is none yet: open the link that `canale setup-link` prints, "
            "or run `canale init`"
        )
        raise CommandError(f"there is no channel {handle}; {hint}")
    return channel


def file(path: str) -> bytes:
    """Read a file. Raises CommandError."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror})") from error


def standard_input() -> str:
    """Read all of standard input.

    Raises CommandError if it is not text, or empty: the program that should have written it failed.
    """
    text = decoded(sys.stdin.buffer.read(), "standard input")
    if not text.strip():
        raise CommandError("standard input is empty; for a post without a text leave out --text")
    return text


def decoded(data: bytes, source: str) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark; lines end with a line feed.

    A program that replaces what it cannot read publishes half a warning. Raises CommandError.
    """
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{source} is not UTF-8 (byte {error.start + 1}): save it as UTF-8, or convert it with "
            "iconv -f LATIN1 -t UTF-8"
        ) from error
    if "\0" in text:
        raise CommandError(f"{source} is not text: it contains zero bytes; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def number(text: str) -> int:
    """Parse a number. Raises ValueError, as argparse expects."""
    value = number_in(text)
    if value is None:
        raise ValueError(text)
    return value


def email(text: str) -> str:
    """An account's address as the sign-in form takes it."""
    return address(text)


def password(path: str | None, whose: str) -> str:
    """The first line of a file, or of standard input for ``-``; without a file it is asked for.

    A command's arguments would show in the list of processes. Raises CommandError.
    """
    if path is None:
        if not sys.stdin.isatty():
            raise CommandError("give --password-file (- reads standard input)")
        return _typeable(getpass.getpass(f"Password of {whose}: "), "the terminal")
    text = first_line_of(path)
    if not text:
        raise CommandError(f"{path} is empty; its first line is the password")
    return _typeable(text, path)


def first_line_of(path: str) -> str:
    """The first line of a file, or of standard input for ``-``. Raises CommandError."""
    return first_line_typed() if path == "-" else _first_line(file(path), path)


def _typeable(password: str, source: str) -> str:
    """Return a password that can be typed at the sign-in form. Raises CommandError."""
    if not is_text(password):
        raise CommandError(f"{source}: the password is not UTF-8; set the terminal to UTF-8")
    if password and (is_blank(password[0]) or is_blank(password[-1])):
        raise CommandError(
            f"{source}: the password begins or ends with a space, which nobody would type"
        )
    return password


def first_line_typed() -> str:
    """Read the first line of standard input. Raises CommandError.

    A person ends it with Enter; a pipe may contain UTF-16, whose line ends are other bytes.
    """
    typed = sys.stdin.isatty()
    data = sys.stdin.buffer.readline() if typed else sys.stdin.buffer.read()
    return _first_line(data, "standard input")


def _first_line(data: bytes, source: str) -> str:
    return decoded(data, source).split("\n", 1)[0]


def checked_password(text: str, email: str, *avoid: str) -> str:
    """Refuse a password that is too short, too common or made of ``avoid``: raises CommandError."""
    staff = Staff(email=email)
    staff.also_avoid = avoid
    try:
        with translation.override("en"):
            validate_password(text, staff)
    except ValidationError as error:
        raise CommandError("the password: " + " ".join(error.messages)) from error
    return text
