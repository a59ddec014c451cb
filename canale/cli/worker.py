# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale worker: encrypts and sends until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator

import uvloop
from django.db import connection

from canale.bus import process_bus
from canale.cli.brokers import batch_source
from canale.cli.commands import CommandError
from canale.cli.diagnostics import database_diagnosis
from canale.cli.folder_locks import shared_folder
from canale.core.settings import settings
from canale.delivery.clock import DatabaseClock
from canale.delivery.relay import RelayRunner
from canale.delivery.worker import Worker
from canale.metrics.endpoint import MetricsEndpoint, VersionCollector
from canale.metrics.listener import listen, listening
from canale.previews.runner import PreviewRunner
from canale.runtime.gc_tuning import tune_gc
from canale.runtime.supervisor import on_stdin_eof

# Time to stop: messages in flight take ten seconds at most, then they are recorded.
SHUTDOWN_SECONDS = 40.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--until-stdin-ends",
        action="store_true",
        help=argparse.SUPPRESS,
    )


@shared_folder()
def run(arguments: argparse.Namespace) -> int:
    # On a busy core the posting thread lets the encrypting one finish its turn, and writes several
    # messages at once: 23 % less CPU (decision 0034, sched(7)). Set for all later threads; left as
    # it is where a sandbox forbids it, or an administrator has set another policy.
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # A worker of `canale serve` starts after the migrations, and survives outages of the database.
    # Any other exits, and is restarted until the database is there.
    if not arguments.until_stdin_ends:
        diagnosis = database_diagnosis()
        # The threads that work have connections of their own.
        connection.close()
        if diagnosis is not None:
            raise CommandError(str(diagnosis))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(until_stdin_ends=arguments.until_stdin_ends))
    return 0


async def _work(*, until_stdin_ends: bool) -> None:
    tune_gc()
    loop = asyncio.get_running_loop()
    clock = DatabaseClock()
    worker = Worker(batch_source(), clock)
    relays = RelayRunner(worker.name, clock)
    previews = PreviewRunner(worker.database, clock)

    def request_stop() -> None:
        worker.stop()
        relays.stop()
        previews.stop()
        # Exit even if the database hangs. No more is lost than by a kill.
        timer = threading.Timer(SHUTDOWN_SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, request_stop)
    if until_stdin_ends:
        on_stdin_eof(request_stop)
    # `canale serve` answers for the workers that it started.
    async with _metrics(None if until_stdin_ends else settings.metrics_port):
        # Before anything is claimed.
        await clock.try_to_read(worker.database.run)
        keeping = asyncio.create_task(clock.keep(worker.database.run))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(relays.run(process_bus()))
                tasks.create_task(previews.run(process_bus()))
                await worker.run(process_bus())
        finally:
            keeping.cancel()


@contextlib.asynccontextmanager
async def _metrics(port: int | None) -> AsyncIterator[None]:
    """Serve `/metrics`. Workers of one machine share the port, and each answers for all."""
    if port is None:
        yield
        return
    try:
        listener = listen(settings.host, port)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {settings.host}:{port} ({error.strerror}); choose another by "
            "CANALE_HOST and CANALE_METRICS_PORT"
        ) from error
    async with listening(
        listener, MetricsEndpoint(settings.metrics_allowed_networks, [VersionCollector()])
    ):
        yield
