# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long a post is on its way, and what a public page costs: a whole canale on loopback.

    python bench/way_of_a_post.py [--posts 30] [--readers 200] [--pages 20000]

From the moment the API is asked: to its answer, to the first open page, to the first push taken
over by a stand-in push service (which decrypts each: Python, on the same two cores). Then the
server's CPU for each public page from memory, with and without a 304.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reader import Reader
from tests.site import HANDLE, Site, new_site, wait_until
from tests.standins.push_service import PushService

TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=30)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--pages", type=int, default=20_000)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        PushService() as push,
        new_site(Path(folder), CANALE_PUSH_ORIGINS=push.origin) as site,
    ):
        site.inside("follow", push.subscribe(asked.readers))
        publish(site, push, asked.posts, asked.readers)
        pages(site, asked.pages)


def publish(site: Site, push: PushService, posts: int, readers: int) -> None:
    token = site.token()
    rows: dict[str, list[float]] = {"answered": [], "first open page": [], "first push": []}
    with Reader(f"{site.url}/live/{HANDLE}") as reader:
        for number in range(posts):
            before = len(push.received)
            start = time.time()
            post = int(str(site.post(token, headline=f"Misura {number}")["id"]))
            rows["answered"].append(time.time() - start)
            reader.wait_for("post", post)
            wait_until(lambda seen=before: len(push.received) >= seen + readers)
            rows["first push"].append(min(one.at for one in push.received[before:]) - start)
            rows["first open page"].append(reader.at[post] - start)
    print(f"{posts} posts to {readers} phones, ms from the call (median, worst)")
    for name, seconds in rows.items():
        print(f"  {name:16} {statistics.median(seconds) * 1e3:7.1f} {max(seconds) * 1e3:7.1f}")


def pages(site: Site, count: int) -> None:
    assert site.server is not None
    print(f"{count} public pages from memory")
    etag = asyncio.run(ask(site, 1, "Accept-Encoding: br"))[1]
    asked = (("200, brotli", "Accept-Encoding: br"), ("304", f"If-None-Match: {etag}"))
    for name, header in asked:
        before, start = cpu(site.server.pid), time.monotonic()
        size = asyncio.run(ask(site, count, header))[0]
        used, took = cpu(site.server.pid) - before, time.monotonic() - start
        print(
            f"  {name:16} {used / count * 1e6:5.0f} µs of the server's CPU each, "
            f"{count / took:6.0f}/s with this client, {size} bytes"
        )


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, from proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def ask(site: Site, count: int, header: str, connections: int = 32) -> tuple[int, str]:
    """Ask for the channel's page so often; the size of one answer, and its ETag."""
    request = f"GET /c/{HANDLE}/ HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode()
    seen: list[tuple[int, str]] = []

    async def one(times: int) -> None:
        stream, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for _ in range(times):
            writer.write(request)
            head = (await stream.readuntil(b"\r\n\r\n")).decode().lower()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            length = int(fields.get("content-length", 0)) if " 304 " not in head else 0
            await stream.readexactly(length)
            seen[:] = [(length, fields["etag"].replace('w/"', 'W/"'))]
        writer.close()

    each = max(1, count // connections)
    await asyncio.gather(*(one(each) for _ in range(min(connections, count))))
    return seen[0]


if __name__ == "__main__":
    main()
