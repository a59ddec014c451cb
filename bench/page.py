# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Public pages from memory, beside nginx with the same bytes on disk."""

from __future__ import annotations

import contextlib
import gzip
import re
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

from bench import machine, peers, process, servers
from bench.city import HANDLE, TEXT, City, new_city
from bench.http_load import load
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import CannotRunError, Measured, Measurement, interleaved, progress, ratios

NAME = "page"
TITLE = "Public pages"

NGINX_NAME = "nginx, files on disk"
POSTS = 20
CONNECTIONS = 256
SECONDS, QUICK_SECONDS = 4, 1
MAX_FIRST_VISIT_KB = 80
# The number of posts on one page.
RENDERED_POSTS = 60
MAX_FIRST_RENDERING_MS = 30
# Headers that nginx must send as well.
SAME_HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "permissions-policy",
    "cache-control",
    "vary",
)
NGINX = """
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  open_file_cache max=100;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder}/files;
    default_type "text/html; charset=utf-8";
    gzip_static on;
    etag on;
{headers}
  }}
}}
"""
COLUMNS = (
    Column("rate", "requests/s"),
    Column("cpu", "server CPU µs per request", 1),
    Column("p50", "p50 ms", 1),
    Column("p99", "p99 ms", 1),
    Column("bytes", "bytes per response"),
)
RENDERING_TITLE = f"First rendering of the channel page, {RENDERED_POSTS} posts"
RENDERING_COLUMNS = (
    Column("cold", "no card in memory, ms", 1),
    Column("warm", "after a new post, ms", 1),
)


@dataclass(frozen=True)
class Case:
    title: str
    path: str
    file: str
    known: bool = False
    """The reader has the page: it asks with its ETag and gets 304."""


@dataclass(frozen=True)
class Server:
    url: str
    pids: list[int]


def run(rounds: int, quick: bool) -> Part:
    peers.debian("wrk")
    with new_city() as city:
        with contextlib.ExitStack() as stack:
            stack.enter_context(city.serving())
            newest = city.fill(POSTS)[-1]
            cases = _cases(newest)
            process.wait_until_idle(*city.pids)
            ours = Server(city.site.url.replace("localhost", "127.0.0.1"), city.pids)
            theirs = _peer(stack, ours, cases)
            seconds = QUICK_SECONDS if quick else SECONDS
            by_case = {case: _measured(case, ours, theirs, seconds, rounds) for case in cases}
            weight = _first_visit(ours.url)
        rendered = _first_renderings(city, rounds)
    return Part(
        NAME,
        TITLE,
        tables=[
            Table(case.title, COLUMNS, [Row(name, values) for name, values in measured.items()])
            for case, measured in by_case.items()
        ]
        + [Table(RENDERING_TITLE, RENDERING_COLUMNS, [Row("canale", rendered)])],
        figures=[
            figure for case, measured in by_case.items() for figure in _figures(case, measured)
        ]
        + [
            Figure("first visit, all files, gzip", [weight], at_most=MAX_FIRST_VISIT_KB, unit="KB"),
            Figure(
                f"{RENDERING_TITLE}: after a new post",
                rendered["warm"],
                at_most=MAX_FIRST_RENDERING_MS,
                digits=1,
                unit="ms",
            ),
        ],
        notes=NOTES,
        versions=machine.debian_versions("nginx", "wrk") | machine.python_versions("uvicorn"),
        absent={
            name: why for measured in by_case.values() for name, why in measured.absent.items()
        },
    )


def _peer(stack: contextlib.ExitStack, ours: Server, cases: list[Case]) -> Callable[[], Server]:
    """Start nginx, or raise CannotRunError with the reason."""
    try:
        peers.debian("nginx")
        running = stack.enter_context(_nginx(ours, cases))
    except CannotRunError as why:
        reason = str(why)

        def none() -> Server:
            raise CannotRunError(reason)

        return none
    return lambda: running


def _cases(post: int) -> list[Case]:
    channel = f"/c/{HANDLE}/"
    return [
        Case("Channel page", channel, "/channel"),
        Case("Post page", f"{channel}p/{post}", "/post"),
        Case("Atom feed", f"{channel}feed.atom", "/feed"),
        Case("Channel page that the reader has cached (304)", channel, "/channel", known=True),
    ]


@contextlib.contextmanager
def _nginx(ours: Server, cases: list[Case]) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="canale-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "files").mkdir()
        headers: Mapping[str, str] = {}
        for case in cases:
            body, headers = _asked(ours.url + case.path, "gzip")
            (folder / "files" / case.file[1:]).write_bytes(gzip.decompress(body))
            (folder / "files" / f"{case.file[1:]}.gz").write_bytes(body)
        same = [f'    add_header {name} "{headers[name]}";' for name in SAME_HEADERS]
        port = servers.free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, headers="\n".join(same)))
        with servers.running(["nginx", "-p", name, "-c", str(configuration)], port) as pid:
            yield Server(f"http://127.0.0.1:{port}", process.family(pid))


def _asked(url: str, encoding: str) -> tuple[bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def _measured(
    case: Case, ours: Server, theirs: Callable[[], Server], seconds: float, rounds: int
) -> Measured:
    progress(f"page: {case.title}")
    contenders: dict[str, Callable[[], Measurement]] = {
        "canale": partial(_load, ours, case.path, case.known, seconds),
        NGINX_NAME: lambda: _load(theirs(), case.file, case.known, seconds),
    }
    return interleaved(contenders, rounds, peers=[NGINX_NAME])


def _load(server: Server, path: str, known: bool, seconds: float) -> Mapping[str, float]:
    url = server.url + path
    headers = {"Accept-Encoding": "gzip"}
    if known:
        headers["If-None-Match"] = _asked(url, "gzip")[1]["etag"]
    return load(
        url,
        server.pids,
        connections=CONNECTIONS,
        seconds=seconds,
        headers=headers,
        status=304 if known else 200,
    )


def _figures(case: Case, measured: Measured) -> list[Figure]:
    ours, theirs = measured["canale"], measured[NGINX_NAME]
    return [
        Figure(f"{case.title}: requests/s", ours["rate"], at_least=5_000, digits=0),
        Figure(f"{case.title}: p99", ours["p99"], at_most=50, digits=1, unit="ms"),
        Figure(f"{case.title}: requests/s, canale / nginx", ratios(ours["rate"], theirs["rate"])),
        Figure(f"{case.title}: CPU, nginx / canale", ratios(theirs["cpu"], ours["cpu"])),
    ]


def _first_visit(url: str) -> float:
    """Return the KB of the channel's page and everything it loads, compressed where that helps."""
    page = f"{url}/c/{HANDLE}/"
    body = gzip.decompress(_asked(page, "gzip")[0]).decode()
    loaded = re.findall(r'<(?:img|script)\b[^>]*\bsrc="([^"]+)"', body)
    for tag in re.findall(r"<link\b[^>]*>", body):
        if re.search(r'\brel="(?:stylesheet|icon|manifest|preload|apple-touch-icon)"', tag):
            loaded += re.findall(r'\bhref="([^"]+)"', tag)
    for sheet in [address for address in loaded if address.endswith(".css")]:
        text = _plain(urljoin(page, sheet)).decode()
        fonts = re.findall(r"url\(\"?([^)\"]+\.woff2)", text)
        # No Italian page has these letters, so browsers skip the file (unicode-range).
        loaded += [urljoin(sheet, font) for font in fonts if "latin-ext" not in font]
    own = {urljoin(page, address) for address in loaded if not address.startswith("data:")}
    local = [urljoin(url, re.sub(r"^https?://[^/]+", "", address)) for address in own]
    return sum(len(_asked(address, "gzip")[0]) for address in {page, *local}) / 1024


def _plain(url: str) -> bytes:
    return _asked(url, "identity")[0]


def _first_renderings(city: City, rounds: int) -> dict[str, list[float]]:
    """Measure how long the first reader waits, in ms: in a new process, and after a new post."""
    progress("page: first rendering")
    city.fill(RENDERED_POSTS - POSTS)
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    page = f"{city.site.url.replace('localhost', '127.0.0.1')}/c/{HANDLE}/"
    for number in range(rounds):
        with city.serving(), city.publisher() as publisher:
            process.wait_until_idle(*city.pids)
            # Compiles the templates; the cards of the other language stay uncached.
            _timed(page, "en")
            times["cold"].append(_timed(page, "it")[0])
            headline = f"Avviso del giro {number}"
            publisher.post(headline, TEXT * 3)
            times["warm"].append(_first_with(headline, page))
    return times


def _first_with(headline: str, page: str) -> float:
    """The server responds with the earlier page until it has been notified of the post."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        milliseconds, body = _timed(page, "it")
        if headline.encode() in body:
            return milliseconds
        time.sleep(0.01)
    raise CannotRunError(f"{page} does not show a new post")


def _timed(url: str, language: str) -> tuple[float, bytes]:
    """Return the milliseconds until the last byte of the response, and the response."""
    headers = {"Accept-Encoding": "gzip", "Accept-Language": language}
    begun = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        body = answer.read()
    return (time.perf_counter() - begun) * 1000, gzip.decompress(body)


NOTES = (
    f"{CONNECTIONS} keep-alive connections from wrk, `Accept-Encoding: gzip`. nginx has exactly "
    "the same bytes as files with `gzip_static`, an open-file cache, an ETag and the same headers.",
    "canale's channel page changes with each post: its store drops it and renders it again. These "
    "are responses from the store.",
    "The first rendering is the first request that shows a new post, published by another process: "
    "queries, assembling the page from cards in memory and the one new card, and compression. "
    "*No card in memory*: the server has just started, and has rendered only the page of the other "
    "language, so that its templates are compiled.",
)
