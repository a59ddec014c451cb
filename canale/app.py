# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The composition root of a process that serves site and stream, and keeps others running: workers,
and more processes like itself."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import uvicorn
from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection
from django.urls import get_resolver

from canale.accounts.upload_auth import may_upload
from canale.api.fast_path import FastPath
from canale.bus import Bus, process_bus
from canale.channel.images import stop_decoders
from canale.core.settings import settings
from canale.delivery.metrics import QueueCollector
from canale.delivery.plan import SUBJECT as WORK
from canale.delivery.worker_pool import WorkerPool
from canale.live.hub import Hub
from canale.live.notify import PAGES
from canale.live.notify import SUBJECT as LIVE
from canale.live.protocol import live_protocol
from canale.live.tail import EventTailer, backlog
from canale.metrics.endpoint import PATH as METRICS
from canale.metrics.endpoint import MetricsEndpoint, VersionCollector
from canale.metrics.listener import Listener
from canale.metrics.reporter import report_metrics
from canale.net.body_buffering import BufferedBodyMiddleware
from canale.net.connections import MAX_CONNECTIONS, MAX_UNFINISHED, Connections
from canale.net.hosts import Hosts
from canale.net.open_files import raise_open_files
from canale.net.responses import body_headers, header_lines, send_response, with_house
from canale.public.metrics import WebMetrics
from canale.public.page_store import PageStore
from canale.public.security import security_headers
from canale.publishing.scheduler import Scheduler
from canale.runtime.database_away import CurrentOutage, DatabaseProblem, classify_error, outage
from canale.runtime.gc_tuning import paused_gc, tune_gc
from canale.runtime.supervisor import Supervisor, canale, on_stdin_eof

if TYPE_CHECKING:
    from a2wsgi.wsgi_typing import WSGIApp
    from asgiref.typing import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPScope,
        Scope,
    )

    from canale.cli.brokers import Dispatcher

logger = logging.getLogger(__name__)

# Django waits for the database in them; SQLite serves one writer at a time anyway.
REQUEST_THREADS = 8
# Open pages of one process: an event takes about 10 µs of its core for each (docs/decisions/0016).
PAGES_LIMIT = 20_000
# Files that are not open pages: the database, workers, static files, requests under way.
OTHER_FILES = 500
# Files of these that must be left when connections use up the rest.
OWN_FILES = 200
# Open pages of one client: a whole town may come through one mobile carrier's address.
CLIENT_PAGES = 2_000
KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 10
# From the end of listening to the closing of connections: new requests on them are still answered.
LAST_REQUESTS_SECONDS = 0.5
ACCEPT_SECONDS = 0.05
READY_SECONDS = 5.0
# A thread that writes reactions or renders a page gives way to the event loop after this time.
# With Python's 5 ms, 50 reactions a second held up pages for tens of milliseconds.
SWITCH_SECONDS = 0.0005


class Site:
    """The ASGI app: health, then the page store with Django behind it."""

    def __init__(
        self, pages: PageStore, pool: WorkerPool | None, bus: Bus, metrics: MetricsEndpoint
    ) -> None:
        self._pages = pages
        self._pool = pool
        self._bus = bus
        self._metrics = metrics
        self._database = ThreadPoolExecutor(1, "readiness")

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            await send_json(send, HTTPStatus.OK, {"status": "ok"})
        elif scope["path"] == "/readyz":
            await self.ready(send)
        elif scope["path"] == METRICS:
            await self._metrics(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def ready(self, send: ASGISendCallable) -> None:
        """Answer 200 if requests can be answered now: there is a database, and a worker.

        An unreachable bus does not count: processes find what is new by polling, a little later.
        """
        away = await self._database_outage()
        body: dict[str, object] = {"database": away.why if away else "ok"}
        since = {"database": away.since} if away else {}
        # A read-only database still counts as ready.
        ready = away is None or away.why is not DatabaseProblem.AWAY
        # Without workers of its own, a process reports on itself alone.
        if self._pool is not None and self._pool.size:
            body["workers"] = self._pool.alive
            ready = ready and self._pool.alive > 0
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        body["bus"] = "no answer" if self._bus.problem else "ok"
        if self._bus.problem_since is not None:
            since["bus"] = self._bus.problem_since
        if since:
            body["since"] = {part: at.isoformat(timespec="seconds") for part, at in since.items()}
        await send_json(send, status, {"status": "ready" if ready else "not ready", **body})

    async def _database_outage(self) -> CurrentOutage | None:
        """Return the current outage of the database, if any."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._database, ask_database)
        except Exception as error:  # noqa: BLE001  any error means no answer
            return outage.failed(classify_error(error) or DatabaseProblem.AWAY, error)
        known = outage.now
        # The query succeeded: an outage is over. A locked, full or read-only database can be read.
        return known if known is not None and known.why is not DatabaseProblem.AWAY else None


def ask_database() -> None:
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def send_json(send: ASGISendCallable, status: HTTPStatus, content: dict[str, object]) -> None:
    body = json.dumps(content).encode()
    headers = with_house(body_headers("application/json", body), header_lines(security_headers()))
    await send_response(send, status, headers, body)


class Server(Listener):
    """The HTTP server of site and stream. It leaves the signals to `stop_on_signals`."""

    def __init__(self, site: Site, protocol: type[asyncio.Protocol]) -> None:
        config = uvicorn.Config(
            site,
            http=protocol,
            ws="none",
            lifespan="off",
            # No log of readers' paths and addresses (docs/security.md).
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            backlog=4096,
        )
        super().__init__(config)

    def stop_on_signals(self, stopping: Callable[[], None], *, with_stdin: bool) -> None:
        """Stop at SIGTERM or SIGINT, and with ``with_stdin`` when the supervisor has exited."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            self.should_exit = True
            stopping()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        if with_stdin:
            on_stdin_eof(stop)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, answer the requests that have arrived, and then close connections."""
        for listener in sockets or ():
            # Connections waiting to be accepted would be reset; from now on there are no new ones.
            listener.listen(0)
        await asyncio.sleep(ACCEPT_SECONDS)
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        await asyncio.sleep(LAST_REQUESTS_SECONDS)
        await super().shutdown(sockets)


async def serve(listener: socket.socket, dispatcher: Dispatcher | None) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT, and keep the other processes."""
    workers = WorkerPool(settings.workers)
    command = canale("serve", "--until-stdin-ends")
    size, patience = settings.web_processes - 1, GRACE_SECONDS + 5
    web_processes = Supervisor("web process", command, size, patience=patience)
    scheduler = Scheduler()

    def stop_others() -> None:
        workers.request_stop()
        web_processes.request_stop()

    async with _dispatched(dispatcher), _kept(workers), _kept(web_processes):
        scheduler.start()
        try:
            await _serve_web(listener, workers, stop_others)
        finally:
            await asyncio.to_thread(scheduler.stop)


async def serve_beside(listener: socket.socket) -> None:
    """Serve site and stream beside the process that started this one, until it has exited."""
    await _serve_web(listener, None, lambda: None)


async def _serve_web(
    listener: socket.socket, workers: WorkerPool | None, stopping: Callable[[], None]
) -> None:
    hub, connections = _hub_and_connections()
    with paused_gc():
        wsgi = cast("WSGIApp", get_wsgi_application())
        # Views and the API's schemas are made now, not while the first citizen waits.
        get_resolver().url_patterns  # noqa: B018
    # Unbounded: a bounded queue would hold the thread for ever when its client disconnects.
    django = WSGIMiddleware(wsgi, workers=REQUEST_THREADS, send_queue_size=0)
    headers = security_headers()
    house = header_lines(headers)
    buffered = BufferedBodyMiddleware(cast("ASGI3Application", django), _may_upload, house)
    pages = PageStore(cast("ASGI3Application", FastPath(buffered, headers)))
    bus = process_bus()
    metrics = MetricsEndpoint(
        settings.metrics_allowed_networks, [VersionCollector(), QueueCollector()], house
    )
    hosts = Hosts(settings.base_url)
    protocol = live_protocol(hub, pages.try_cached, hosts, house, connections)
    server = Server(Site(pages, workers, bus, metrics), protocol)
    server.stop_on_signals(stopping, with_stdin=workers is None)
    tune_gc()
    sys.setswitchinterval(SWITCH_SECONDS)
    reporting = report_metrics("web", WebMetrics(hub, pages).flush)
    async with _running(reporting), _stream(hub, pages, bus):
        await server.serve(sockets=[listener])
    # Python would wait for the threads that wait for them.
    stop_decoders()


def _may_upload(scope: HTTPScope) -> bool:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return may_upload(scope["path"], headers)


def _hub_and_connections() -> tuple[Hub, Connections]:
    """Share the files that may be open among pages and requests.

    A client's pages are spread evenly over the web processes, as the kernel spreads connections.
    """
    files = raise_open_files()
    pages = min(PAGES_LIMIT, files - OTHER_FILES)
    if pages < PAGES_LIMIT:
        # A site without https is for its own machine, which needs no more.
        public = settings.base_url.startswith("https:")
        logger.log(
            logging.WARNING if public else logging.INFO,
            "Only %d files may be open; `canale check` says how to raise the limit",
            files,
        )
    client_pages = math.ceil(CLIENT_PAGES / settings.web_processes)
    hub = Hub(
        backlog,
        connection_limit=max(1, pages),
        client_limit=client_pages if settings.rate_limits else None,
    )
    most = max(1, min(MAX_CONNECTIONS, files - pages - OWN_FILES))
    return hub, Connections(most, MAX_UNFINISHED if settings.rate_limits else most)


@asynccontextmanager
async def _stream(hub: Hub, pages: PageStore, bus: Bus) -> AsyncIterator[None]:
    tailer = EventTailer(hub, pages.forget)
    await tailer.start()

    def forget(data: bytes) -> None:
        for handle in [data.decode()] if data else tailer.handles:
            pages.forget(handle)

    subscription = bus.subscribe({LIVE: lambda _: tailer.hint(), PAGES: forget})
    try:
        async with _running(tailer.run()):
            yield
    finally:
        subscription.close()


@asynccontextmanager
async def _dispatched(dispatcher: Dispatcher | None) -> AsyncIterator[None]:
    if dispatcher is None:
        yield
        return
    subscription = process_bus().subscribe({WORK: lambda _: dispatcher.hint()})
    try:
        async with _running(dispatcher.run()):
            yield
    finally:
        subscription.close()


@asynccontextmanager
async def _running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def _kept(processes: Supervisor) -> AsyncIterator[None]:
    processes.start()
    try:
        yield
    finally:
        await processes.stop()
