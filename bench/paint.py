# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How soon a phone on a slow network shows a page, beside a static page of the same bytes."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.server
import json
import os
import random
import re
import subprocess
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, sync_playwright

from bench import machine, peers, process
from bench.part import Column, Figure, Part, Row, Table
from bench.rounds import CannotRunError, Measured, Measurement, interleaved, ratios
from tests.browser.pages import CHROMIUM, CHROMIUM_OPTIONS, PHONE
from tests.site import HANDLE, new_site

NAME = "paint"
TITLE = "First visit: how soon a page is shown"

# *Slow 4G* of Chrome's DevTools (front_end/core/sdk/NetworkManager.ts), in bytes per second and ms.
SLOW_4G = {"downloadThroughput": 180_000, "uploadThroughput": 84_375, "latency": 562.5}
CPU_SLOWDOWN = 4
MAX_LARGEST_PAINT_MS = 1_800
MAX_LAYOUT_SHIFT = 0.02
MAX_FIRST_VISIT_KB = 80
MIN_SCORE = 98
# After the page's `load` event, until the largest paint, late shifts and late requests are over.
SETTLE_MS = 2_000
LIGHTHOUSE = "lighthouse@13"
LIGHTHOUSE_NODE = (22, 19)
LIGHTHOUSE_SECONDS = 180
CATEGORIES = {
    "performance": "performance",
    "accessibility": "accessibility",
    "best-practices": "best practices",
    "seo": "SEO",
}
# Work of a page's main thread until it had settled, from CDP's Performance.getMetrics.
WORK = {"TaskDuration": "work", "ScriptDuration": "script"}
STYLE_AND_LAYOUT = ("RecalcStyleDuration", "LayoutDuration")
# The avatar belongs to the channel.
PICTURE = re.compile(r"/(image|preview)/")
OBSERVE = """
  window.painted = { largest: 0, element: "", shift: 0 };
  const observe = (type, see) => new PerformanceObserver((list) => list.getEntries().forEach(see))
    .observe({ type, buffered: true });
  observe("largest-contentful-paint", ({ startTime, element }) => {
    painted.largest = startTime;
    const name = element?.className && "." + String(element.className).split(" ").join(".");
    painted.element = element ? element.localName + (element.id ? "#" + element.id : name) : "?";
  });
  observe("layout-shift", ({ value, hadRecentInput }) => {
    if (!hadRecentInput) painted.shift += value;
  });
"""
PAINTED = """
  () => ({
    ...window.painted,
    first: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  })
"""
COLUMNS = (
    Column("first", "first paint, ms"),
    Column("largest", "largest paint, ms"),
    Column("shift", "layout shift", 3),
    Column("requests", "requests"),
    Column("kb", "KB", 1),
    Column("pictures", "of it posts' pictures", 1),
    Column("work", "main thread busy, ms"),
    Column("style", "of it style and layout", 0),
    Column("script", "of it scripts", 0),
)
LIGHTHOUSE_COLUMNS = (
    *(Column(key, title) for key, title in CATEGORIES.items()),
    Column("largest", "its largest paint, ms"),
    Column("blocked", "its blocked time, ms"),
)
FLOOR = """<!DOCTYPE html>
<html lang="it">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Canale</title>
    <link rel="icon" href="data:,">
    {links}
  </head>
  <body>
    <main class="prose">
      <h1>Un avviso</h1>
      <p>Da lunedì il sottopasso di via Dante resta chiuso per lavori alla rete idrica.</p>
    </main>
    <!-- {filler} -->
  </body>
</html>
"""


@dataclass
class Seen:
    """The largest element of each page, by the number of rounds in which it was that."""

    elements: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, page: str, element: str) -> None:
        self.elements.setdefault(page, Counter())[element] += 1

    def sentence(self) -> str:
        each = (
            f"{page}: {', '.join(f'`{element}`' for element, _ in elements.most_common())}"
            for page, elements in self.elements.items()
        )
        return f"The largest element was, of the {'; of the '.join(each)}."


def run(rounds: int, quick: bool) -> Part:
    if CHROMIUM is None:
        peers.debian("chromium")
        raise CannotRunError("Chromium is installed now; run this part again")
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(_city())
        floors = {name: stack.enter_context(_floor(url)) for name, url in urls.items()}
        seen = Seen()
        visits = _visited(urls, floors, seen, rounds)
        audits = _audited(urls, 1 if quick else rounds)
    return Part(
        NAME,
        TITLE,
        tables=[
            Table(
                "Slow 4G, processor slowed four times, 390 × 844, nothing in the cache",
                COLUMNS,
                [Row(name, values) for name, values in visits.items()],
            ),
            Table(
                "Lighthouse, mobile",
                LIGHTHOUSE_COLUMNS,
                [Row(name, values) for name, values in audits.items()],
            ),
        ],
        figures=[figure for name in urls for figure in _figures(name, visits, audits)],
        notes=[*NOTES, seen.sentence()],
        versions=machine.debian_versions("chromium"),
        absent=audits.absent,
    )


@contextlib.contextmanager
def _city() -> Iterator[dict[str, str]]:
    """Serve the demonstration city; yield the URLs of its channel and of its newest post."""
    with (
        tempfile.TemporaryDirectory(prefix="canale-bench-") as folder,
        new_site(Path(folder), start=False, init=False) as site,
    ):
        site.run("demo", "--handle", HANDLE)
        site.start()
        assert site.server is not None
        process.keep_on_core(process.SERVER_CORE, site.server.pid)
        newest = re.search(rf'href="(/c/{HANDLE}/p/\d+)"', _asked(site.channel)[0].decode())
        assert newest is not None
        yield {"channel page": site.channel, "post page": urljoin(site.url, newest[1])}


def _asked(url: str, encoding: str = "identity") -> tuple[bytes, str]:
    """Return the body of a response, and how it is encoded."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read(), answer.headers.get("Content-Encoding", "")


def _visited(
    urls: Mapping[str, str], floors: Mapping[str, str], seen: Seen, rounds: int
) -> Measured:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        try:
            contenders: dict[str, Callable[[], Measurement]] = {}
            for name, url in urls.items():
                contenders[name] = partial(_visit, browser, name, url, seen)
                floor = _static(name)
                contenders[floor] = partial(_visit, browser, floor, floors[name], seen)
            # A browser's first page waits for its processes.
            _visit(browser, "", next(iter(floors.values())), Seen())
            return interleaved(contenders, rounds)
        finally:
            browser.close()


def _static(name: str) -> str:
    return f"static page as long as the {name}"


def _visit(browser: Browser, name: str, url: str, seen: Seen) -> Measurement:
    """Open the page on a new device and return what its reader saw, and when."""
    with browser.new_context(
        viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="it-IT"
    ) as context:
        context.add_init_script(OBSERVE)
        page = context.new_page()
        urls: dict[str, str] = {}
        received: Counter[str] = Counter()
        protocol = context.new_cdp_session(page)

        def begun(event: Mapping[str, Any]) -> None:
            urls[event["requestId"]] = event["response"]["url"]

        def ended(event: Mapping[str, Any]) -> None:
            received[urls[event["requestId"]]] += event["encodedDataLength"]

        protocol.on("Network.responseReceived", begun)
        protocol.on("Network.loadingFinished", ended)
        protocol.send("Network.enable")
        protocol.send("Performance.enable")
        protocol.send("Network.emulateNetworkConditions", {"offline": False, **SLOW_4G})
        protocol.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
        page.goto(url, wait_until="load")
        page.wait_for_timeout(SETTLE_MS)
        painted: dict[str, Any] = page.evaluate(PAINTED)
        metrics = {
            each["name"]: each["value"]
            for each in protocol.send("Performance.getMetrics")["metrics"]
        }
    seen.add(name, painted["element"])
    return {
        **{key: painted[key] for key in ("first", "largest", "shift")},
        **{key: metrics[metric] * 1000 for metric, key in WORK.items()},
        "style": sum(metrics[metric] for metric in STYLE_AND_LAYOUT) * 1000,
        "requests": len(urls),
        "kb": received.total() / 1024,
        "pictures": sum(size for url, size in received.items() if PICTURE.search(url)) / 1024,
    }


@contextlib.contextmanager
def _floor(url: str) -> Iterator[str]:
    """Serve a page without scripts, pictures and posts that loads as many bytes of HTML, styles and
    fonts as this one; yield its URL. It shows the cost of the network and the machine alone.
    """
    text = _asked(url)[0].decode()
    links = re.findall(r'<link rel="(?:stylesheet"|preload"[^>]*as="font")[^>]*>', text)
    styles = re.findall(r"<style>.*?</style>", text, re.DOTALL)
    fields = {"links": "\n    ".join([*links, *styles])}
    missing = len(_asked(url, "br")[0]) - len(gzip.compress(_html("", fields)))
    # Base64 has six bits to a byte, and is compressed to what it encodes.
    filler = base64.b64encode(random.Random(url).randbytes(max(0, missing))).decode()
    files = {"/": ("text/html; charset=utf-8", gzip.compress(_html(filler, fields)), "gzip")}
    for address in re.findall(r'href="([^"]+)"', " ".join(links)):
        kind = "text/css" if address.endswith(".css") else "font/woff2"
        files[urlsplit(address).path] = (kind, *_asked(urljoin(url, address), "gzip"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, files))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _html(filler: str, fields: Mapping[str, str]) -> bytes:
    return FLOOR.format(filler=filler, **fields).encode()


class _Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, files: Mapping[str, tuple[str, bytes, str]], *arguments: Any) -> None:
        self.files = files
        super().__init__(*arguments)

    def do_GET(self) -> None:
        kind, body, encoding = self.files.get(self.path, ("text/plain", b"", ""))
        self.send_response(200 if self.path in self.files else 404)
        self.send_header("Content-Type", kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


def _audited(urls: Mapping[str, str], rounds: int) -> Measured:
    """Let Lighthouse judge each page, or say why it cannot."""
    try:
        judge = lighthouse()
    except CannotRunError as why:
        audits = Measured(urls)
        audits.absent["Lighthouse"] = str(why)
        return audits
    return interleaved({name: partial(judge, url) for name, url in urls.items()}, rounds)


def lighthouse() -> Callable[[str], Measurement]:
    """Install Lighthouse and return the audit of a URL. Raises CannotRunError if that is not
    possible."""
    return partial(_audit, peers.node(at_least=LIGHTHOUSE_NODE), peers.npm(LIGHTHOUSE))


def _audit(node: str, home: Path, url: str) -> Measurement:
    flags = " ".join(["--headless=new", *CHROMIUM_OPTIONS])
    done = subprocess.run(
        [
            node,
            str(home / "node_modules" / "lighthouse" / "cli" / "index.js"),
            url,
            "--output=json",
            "--quiet",
            "--no-enable-error-reporting",
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags={flags}",
        ],
        env={**os.environ, "CHROME_PATH": str(CHROMIUM)},
        capture_output=True,
        text=True,
        timeout=LIGHTHOUSE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise CannotRunError(f"Lighthouse: {done.stderr.strip()[-300:]}")
    report = json.loads(done.stdout)
    audits = report["audits"]
    return {
        **{key: report["categories"][key]["score"] * 100 for key in CATEGORIES},
        "largest": audits["largest-contentful-paint"]["numericValue"],
        "blocked": audits["total-blocking-time"]["numericValue"],
    }


def _figures(name: str, visits: Measured, audits: Measured) -> list[Figure]:
    ours, floor = visits[name], visits[_static(name)]
    largest = f"{name}: largest paint"
    return [
        Figure(largest, ours["largest"], at_most=MAX_LARGEST_PAINT_MS, digits=0, unit="ms"),
        Figure(f"{largest}, canale / static page", ratios(ours["largest"], floor["largest"])),
        Figure(f"{name}: layout shift", ours["shift"], at_most=MAX_LAYOUT_SHIFT, digits=3),
        Figure(
            f"{name}: first visit, without posts' pictures",
            [
                total - pictures
                for total, pictures in zip(ours["kb"], ours["pictures"], strict=True)
            ],
            at_most=MAX_FIRST_VISIT_KB,
            digits=1,
            unit="KB",
        ),
        *(
            Figure(f"{name}: Lighthouse, {title}", audits[name][key], at_least=MIN_SCORE, digits=0)
            for key, title in CATEGORIES.items()
        ),
    ]


NOTES = (
    "The demonstration city (`canale demo`) and its newest post, each opened on a new device in "
    "Debian's Chromium; *Slow 4G* has DevTools' figures: 562 ms, 1.44 Mb/s down, 0.68 Mb/s up.",
    "**KB** are all bytes that a page loads until two seconds after its `load` event, also of "
    "pictures that stand below the first screen.",
    "The static page has the same bytes of HTML, styles and fonts, no script, no picture and two "
    "lines of text, from a server of a few lines. What it takes is the network's and the "
    "machine's share: where it is slow too, the machine was busy.",
    "The main thread's figures are of the slowed processor, until two seconds after `load`.",
)
