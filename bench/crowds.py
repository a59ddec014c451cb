# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m bench.crowds`: the CPU cost of many readers at once just after a post.

Requests each URL 300 times at once: plain, and with a query of its own, as links shared on social
networks have. Prints the CPU seconds of the server's processes and their ratio.
"""

from __future__ import annotations

import asyncio
import statistics
import time

from bench import process
from bench.city import HANDLE, City, Publisher, new_city

READERS = 300
POSTS = 60
ROUNDS = 3
PLAIN, OWN = "plain", "own query"
REQUEST = "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"


def main() -> None:
    with new_city() as city, city.serving():
        newest = city.fill(POSTS)[-1]
        channel = f"/c/{HANDLE}/"
        addresses = ["/", channel, f"{channel}p/{newest}", f"{channel}p/{newest}/card"]
        addresses += [f"{channel}feed.{form}" for form in ("atom", "rss", "json")]
        addresses += [f"{channel}qr.svg", f"{channel}poster.pdf", f"{channel}avatar-512"]
        addresses += ["/privacy", f"{channel}p/999999", f"{channel}older?before={newest}"]
        print(f"{'CPU s, ' + str(READERS) + ' at once':32} {PLAIN:>10} {OWN:>10}   ratio")
        for address in addresses:
            with city.publisher() as publisher:
                plain, own = (_median(city, publisher, address, kind) for kind in (PLAIN, OWN))
            print(f"{address:32} {plain:10.3f} {own:10.3f} {own / plain:7.2f}", flush=True)


def _median(city: City, publisher: Publisher, address: str, kind: str) -> float:
    return statistics.median(_cpu(city, publisher, address, kind) for _ in range(ROUNDS))


def _cpu(city: City, publisher: Publisher, address: str, kind: str) -> float:
    """Return the CPU seconds of one crowd, right after all pages were forgotten."""
    publisher.post("Avviso", "Testo")
    process.wait_until_idle(*city.pids)
    before = process.cpu(*city.pids)
    asyncio.run(_crowd(city.site.port, address, kind))
    return process.cpu(*city.pids) - before


async def _crowd(port: int, address: str, kind: str) -> None:
    sign, begun = "&" if "?" in address else "?", time.time_ns()
    own = [f"{address}{sign}fbclid={begun}{number}" for number in range(READERS)]
    urls = own if kind == OWN else [address] * READERS
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in urls]
    for (_, writer), url in zip(lines, urls, strict=True):
        writer.write(REQUEST.format(url).encode())
    async with asyncio.timeout(120):
        await asyncio.gather(*(reader.read() for reader, _ in lines))
    for _, writer in lines:
        writer.close()


if __name__ == "__main__":
    main()
