# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What one event costs on N open pages: CPU of the server a delivery, and memory a connection.

    python bench/live_fanout.py [--connections 1000 4000] [--events 200] [--size 600]

The server is a process of its own (uvicorn, uvloop, the hub); the readers are in this one and only
count bytes, in another core where there are two.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import uvicorn
import uvloop

from canale.live.encoding import EncodedEvent, encode_sse
from canale.live.hub import Hub
from canale.live.protocol import live_protocol

REQUEST = b"GET /live/bench HTTP/1.1\r\nHost: bench\r\n\r\n"


async def nothing_else(scope: object, receive: object, send: object) -> None:
    raise AssertionError("The bench asks for the stream only.")


def serve(pipe: Pipe, listener: socket.socket, connections: int, size: int) -> None:
    uvloop.run(serve_and_publish(pipe, listener, connections, size))


async def serve_and_publish(
    pipe: Pipe, listener: socket.socket, connections: int, size: int
) -> None:
    # No heartbeat within the run: its bytes would be counted as an event's.
    hub = Hub(lambda handle, after: [], client_limit=None, heartbeat=36_000)
    hub.open("bench", 0)
    protocol = live_protocol(hub)
    config = uvicorn.Config(nothing_else, http=protocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    before = resident()
    pipe.send("ready")
    while hub.counts().connections < connections:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    pipe.send(((resident() - before) / connections, time.process_time()))
    await publish(hub, pipe, size)
    server.should_exit = True
    await running


async def publish(hub: Hub, pipe: Pipe, size: int) -> None:
    """Publishes one event each time the readers ask, and answers with the CPU used so far."""
    loop = asyncio.get_running_loop()
    number = 0
    while await loop.run_in_executor(None, pipe.recv) == "publish":
        number += 1
        hub.publish("bench", EncodedEvent(number, event_bytes(number, size)))
    pipe.send(time.process_time())


def event_bytes(number: int, size: int) -> bytes:
    empty = len(encode_sse(number, "post", '{"pad":""}'))
    return encode_sse(number, "post", '{"pad":"%s"}' % ("x" * (size - empty)))


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def served(connections: int, size: int) -> Iterator[tuple[Pipe, int]]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    ours, theirs = multiprocessing.Pipe()
    arguments = (theirs, listener, connections, size)
    process = multiprocessing.Process(target=serve, args=arguments)
    process.start()
    try:
        yield ours, listener.getsockname()[1]
    except BaseException:
        process.terminate()
        raise
    finally:
        process.join()


class Readers:
    """Many connections that read and count."""

    def __init__(self, port: int, count: int) -> None:
        self.poll = selectors.DefaultSelector()
        self.received = 0
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(REQUEST)
            connection.setblocking(False)
            self.poll.register(connection, selectors.EVENT_READ)

    def drain(self, expected: int | None = None, quiet: float = 1.0) -> None:
        """Reads until `expected` bytes have come in all, or nothing has for `quiet` seconds."""
        while expected is None or self.received < expected:
            ready = self.poll.select(quiet)
            if not ready:
                return
            for key, _ in ready:
                self.received += len(key.fileobj.recv(262144))  # type: ignore[union-attr]


def measure(connections: int, events: int, size: int) -> str:
    with served(connections, size) as (pipe, port):
        pipe.recv()
        readers = Readers(port, connections)
        readers.drain()
        memory, before = pipe.recv()
        readers.received = 0
        started = time.perf_counter()
        for done in range(1, events + 1):
            pipe.send("publish")
            readers.drain(done * connections * size)
        wall = time.perf_counter() - started
        pipe.send("stop")
        cpu = pipe.recv() - before
        if readers.received != events * connections * size:
            raise SystemExit(f"{readers.received} bytes came, {events * connections * size} sent.")
    deliveries = connections * events
    micros = cpu / deliveries * 1e6
    return f"{connections:>11} {micros:>15.2f} {deliveries / wall:>14,.0f} {memory / 1024:>13.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--connections", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--size", type=int, default=600, help="bytes of one event on the wire")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("connections µs CPU/delivery  deliveries/s KB/connection")
    for connections in options.connections:
        print(measure(connections, options.events, options.size), flush=True)


if __name__ == "__main__":
    main()
