# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The time from a post's commit to open pages, and to the push service's responses."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import machine, process, streams
from bench.city import TEXT, City, new_city
from bench.part import Column, Figure, Part, Row, Table
from bench.push_job import new_job
from bench.push_send import wait_for
from bench.push_sink import Sink, sink
from bench.readers import readers_of
from bench.rounds import (
    CannotRunError,
    Measured,
    Measurement,
    interleaved,
    median,
    percentile,
    progress,
)

NAME = "publish"
TITLE = "Publish: from the commit to pages and phones"

READERS = (1, 1_000, 8_000)
PHONES = (1, 1_000, 8_000)
QUICK_READERS, QUICK_PHONES = (1, 500), (1, 50)
POSTS, QUICK_POSTS = 20, 5
# A pause between posts, so that each meets an idle city.
PAUSE = 0.3

PAGES = (
    Column("first", "first page, p50 ms", 1),
    Column("first_p95", "p95 ms", 1),
    Column("last", "last page, p50 ms", 1),
    Column("last_p95", "p95 ms", 1),
)
PUSHES = (
    Column("first", "first push, p50 ms", 1),
    Column("first_p95", "p95 ms", 1),
    Column("last", "last push, p50 ms", 1),
    Column("last_p95", "p95 ms", 1),
)


def run(rounds: int, quick: bool) -> Part:
    posts = QUICK_POSTS if quick else POSTS
    pages = _pages(QUICK_READERS if quick else READERS, posts, rounds)
    pushes = _pushes(QUICK_PHONES if quick else PHONES, posts, rounds)
    return Part(
        NAME,
        TITLE,
        tables=[
            Table("Open pages", PAGES, [Row(name, values) for name, values in pages.items()]),
            Table("Phones", PUSHES, [Row(name, values) for name, values in pushes.items()]),
        ],
        figures=[
            *(
                Figure(f"first open page, {name}", values["first"], at_most=20, digits=1, unit="ms")
                for name, values in pages.items()
            ),
            *(
                Figure(f"first push, {name}", values["first"], at_most=100, digits=1, unit="ms")
                for name, values in pushes.items()
            ),
        ],
        notes=NOTES,
        versions=machine.python_versions("uvicorn", "uvloop"),
    )


def _pages(cases: Sequence[int], posts: int, rounds: int) -> Measured:
    with new_city() as city:

        def measure(readers: int) -> Measurement:
            progress(f"publish: {readers} open pages")
            with city.serving():
                return _to_pages(city, readers, posts)

        contenders = {_named(count, "open page"): (lambda n=count: measure(n)) for count in cases}
        return interleaved(contenders, rounds)


def _to_pages(city: City, readers: int, posts: int) -> Measurement:
    stream = streams.of_city(city)
    with city.publisher() as publisher, readers_of(stream, 600) as pages:
        process.wait_until_idle(*city.pids)
        pages.connect(readers)
        publisher.post("Prima di misurare", TEXT)
        time.sleep(PAUSE)
        first = pages.request(f"listen {posts}")["listening"]
        committed = []
        for number in range(first, first + posts):
            mark = f"@{number:06d}{time.time_ns() // 1000:016d}"
            committed.append(publisher.post(f"Avviso {mark}", TEXT)[1])
            time.sleep(PAUSE + readers / 20_000)
        received = pages.receive()
    if any(event["read"] != readers for event in received):
        raise CannotRunError(f"not every page received every post: {received}")
    return _summary(
        [event["first"] / 1e6 - at for event, at in zip(received, committed, strict=True)],
        [event["last"] / 1e6 - at for event, at in zip(received, committed, strict=True)],
    )


def _pushes(cases: Sequence[int], posts: int, rounds: int) -> Measured:
    with contextlib.ExitStack() as stack:
        cities = {count: stack.enter_context(_followed_city(count)) for count in cases}
        contenders = {
            _named(count, "phone"): (lambda n=count: _to_phones(*cities[n], n, posts))
            for count in cases
        }
        return interleaved(contenders, rounds)


@contextlib.contextmanager
def _followed_city(phones: int) -> Iterator[tuple[City, Sink]]:
    with (
        tempfile.TemporaryDirectory(prefix="canale-bench-") as folder,
        sink(Path(folder)) as push,
        new_city(CANALE_PUSH_ORIGINS=push.origin) as city,
    ):
        city.site.environment |= push.trust
        city.site.inside("follow", new_job(push.origin, phones).subscriptions)
        yield city, push


def _to_phones(city: City, push: Sink, phones: int, posts: int) -> Measurement:
    progress(f"publish: {phones} phones")
    first, last = [], []
    with city.serving(), city.publisher() as publisher:
        process.wait_until_idle(*city.pids)
        for number in range(posts + 1):
            push.reset()
            committed = publisher.post(f"Avviso {number}", TEXT)[1]
            wait_for(lambda: push.requests >= phones)
            time.sleep(PAUSE)
            counted = push.counts()
            if counted["requests"] != phones:
                raise CannotRunError(f"{phones} phones received {counted['requests']} messages")
            # The first post opens connections that the others reuse.
            if number:
                first.append(_since_epoch(counted["first"]) - committed)
                last.append(_since_epoch(counted["last"]) - committed)
    return _summary(first, last)


def _since_epoch(monotonic: float) -> float:
    return time.time() - time.monotonic() + monotonic


def _summary(first: Sequence[float], last: Sequence[float]) -> Measurement:
    """Return the latency in milliseconds."""
    return {
        "first": median(first) * 1e3,
        "first_p95": percentile(first, 0.95) * 1e3,
        "last": median(last) * 1e3,
        "last_p95": percentile(last, 0.95) * 1e3,
    }


def _named(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


NOTES = (
    "A process beside the server publishes complete posts, as `canale publish` does, and records "
    "when the commit returns. Pages and pushes use the server's core and the readers' core; the "
    "time ends when the reader has read, or the push service has responded 201.",
    "The push service is that of part `push`, on the readers' core: it responds 201 at once.",
)
