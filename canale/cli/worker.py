# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale worker: encrypts and sends until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal

import uvloop

from canale.processes import when_stdin_ends
from canale.settings import settings

HELP = "encrypt and send what is waiting; `canale serve` starts its own"

# Python's own 700 suits short scripts.
GARBAGE_OBJECTS = 5_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--until-stdin-ends",
        action="store_true",
        help="stop when standard input ends: whoever started this worker is gone",
    )


def run(arguments: argparse.Namespace) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(until_stdin_ends=arguments.until_stdin_ends))
    return 0


async def _work(*, until_stdin_ends: bool) -> None:
    from canale.bus import bus_for
    from canale.delivery.deliver import Deliverer
    from canale.delivery.work import work

    _search_less_for_garbage()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_ends:
        when_stdin_ends(stop.set)
    await work(Deliverer(), bus_for(settings), stop)


def _search_less_for_garbage() -> None:
    """A message makes many small objects and hardly a cycle; what is loaded by now stays for good.
    Searching through it again and again was 7 % of the CPU for a message."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 20)
