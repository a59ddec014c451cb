# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale outlet: where a channel's posts go besides its pages and notifications."""

from __future__ import annotations

import argparse
import asyncio
import sys

from canale.channel.models import Channel
from canale.cli import inputs
from canale.cli.commands import CommandError
from canale.delivery import outlets
from canale.delivery.outlets import find_outlet, send_trial
from canale.delivery.reasons import reason_of
from canale.delivery.transports.base import Outcome
from canale.delivery.transports.relays import OutletRefusedError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", required=True, metavar="HANDLE", help=inputs.CHANNEL_HELP)
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--add", metavar="TRANSPORT", help="set up an outlet; prints its name")
    act.add_argument("--test", metavar="NAME", help="send a marked trial; fails unless accepted")
    act.add_argument("--off", metavar="NAME", help="send nothing there until --on")
    act.add_argument("--on", metavar="NAME", help="send there again; also ends a pause")
    act.add_argument("--remove", metavar="NAME", help="forget an outlet and its secrets")
    parser.add_argument("--name", default="", help="with --add: a name other than the transport's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="with --add: an option"
    )
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="KEY=FILE",
        help="with --add: a secret, the first line of a file; - reads standard input",
    )


def run(arguments: argparse.Namespace) -> int:
    if not arguments.add and (arguments.name or arguments.set or arguments.secret):
        raise CommandError("--name, --set and --secret belong to --add")
    channel = inputs.channel(arguments.channel)
    try:
        if arguments.add:
            return _add(channel, arguments)
        if arguments.test:
            return _test(channel, arguments.test)
        if arguments.remove:
            outlets.remove_outlet(find_outlet(channel, arguments.remove), by="cli")
            return 0
        if arguments.on or arguments.off:
            outlet = find_outlet(channel, arguments.on or arguments.off)
            outlets.switch_outlet(outlet, on=bool(arguments.on), by="cli")
            return 0
    except OutletRefusedError as error:
        raise CommandError(str(error)) from error
    for state in outlets.outlet_states(channel):
        verified = f"{state.verified_at:%Y-%m-%d %H:%M}" if state.verified_at else "-"
        fields = [state.name, state.transport, state.state, verified, state.reason]
        sys.stdout.write("\t".join(fields).rstrip("\t") + "\n")
    return 0


def _add(channel: Channel, arguments: argparse.Namespace) -> int:
    options = dict(_pair(text, "--set") for text in arguments.set)
    # From files: arguments would show in the list of processes.
    secrets = (_pair(text, "--secret") for text in arguments.secret)
    outlet, setup = outlets.add_outlet(
        channel,
        arguments.add,
        name=arguments.name,
        options=options,
        secrets={key: inputs.first_line_of(path) for key, path in secrets},
        by="cli",
    )
    sys.stdout.write(f"{outlet.name}\n" + (f"{setup.show_once}\n" if setup.show_once else ""))
    if setup.show_once and sys.stdout.isatty():
        sys.stderr.write("Copy the secret now: it is not shown again.\n")
    return 0


def _pair(text: str, argument: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise CommandError(f"{argument} needs KEY=VALUE, not {text!a}")
    return key, value


def _test(channel: Channel, name: str) -> int:
    result = asyncio.run(send_trial(find_outlet(channel, name)))
    if result.outcome is not Outcome.ACCEPTED:
        detail = result.reason if result.code is None else f"{reason_of(result)}, {result.reason}"
        raise CommandError(f"{name} rejected the trial: {detail}")
    sys.stdout.write(f"{name} accepted the trial.\n")
    return 0
