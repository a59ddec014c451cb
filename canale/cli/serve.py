# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale serve: site, stream, scheduler and workers in one command."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys

import uvloop

from canale.accounts.models import Staff
from canale.accounts.setup import make_setup_link
from canale.app import serve, serve_beside
from canale.cli.brokers import dispatcher
from canale.cli.folder_locks import shared_folder
from canale.cli.migrate import migrate
from canale.core.settings import settings

# Connections that wait to be accepted; the system's own limit is net.core.somaxconn (4096).
BACKLOG = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--until-stdin-ends",
        action="store_true",
        help=argparse.SUPPRESS,
    )


@shared_folder()
def run(arguments: argparse.Namespace) -> int:
    beside: bool = arguments.until_stdin_ends
    if not beside:
        migrate()
    try:
        listener = _listen()
    except OSError as error:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        # Python appends the address again: "(while attempting to bind on address …)".
        reason = str(error.strerror).partition(" (while")[0]
        sys.stderr.write(
            f"canale: cannot listen on {host}:{settings.port} ({reason}); for another port set "
            "CANALE_PORT, for another address CANALE_HOST\n"
        )
        return 1
    if not beside:
        _greet()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_beside(listener) if beside else serve(listener, dispatcher()))
    return 0


def _listen() -> socket.socket:
    """With two or more web processes the kernel distributes connections among them (SO_REUSEPORT,
    socket(7)); a single one keeps the port to itself. Works for hosts with IPv6 addresses only.

    Raises OSError.
    """
    family, *_, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(
        (str(address[0]), settings.port),
        family=family,
        backlog=BACKLOG,
        reuse_port=settings.web_processes > 1,
    )


def _greet() -> None:
    """Print the addresses, and on the first start the one-time link for the set-up."""
    sys.stdout.write(f"canale: serving {settings.base_url}\n")
    if Staff.objects.exists():
        sys.stdout.write(f"canale: the newsroom is at {settings.base_url}/newsroom/\n")
    else:
        link = make_setup_link()
        sys.stdout.write(
            "canale: no account yet. Open this link to set up the channel; it works once, within "
            f"24 hours (`canale setup-link` prints a new one):\n\n    {link}\n\n"
        )
    sys.stdout.flush()
