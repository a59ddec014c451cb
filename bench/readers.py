# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Thousands of open pages: bench/c/sse_readers.c, driven from Python."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import native, process
from bench.rounds import CannotRunError


@dataclass(frozen=True)
class Stream:
    """A streaming server: where to read, where and how to publish, and its processes.

    `head` and `tail` surround the payload in the request that publishes; `overhead` is what the
    server adds on the wire, in bytes. `publish_port` is 0 if another process publishes. `aside`
    are processes without connections, whose memory does not count.
    """

    pids: list[int]
    port: int
    path: str
    publish_port: int = 0
    publish_path: str = "/"
    head: str = ""
    tail: str = ""
    overhead: int = 0
    aside: Sequence[int] = ()

    def memory(self) -> int:
        return process.memory(*(pid for pid in self.pids if pid not in self.aside))


class Readers:
    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program

    def connect(self, readers: int, stalled: int = 0) -> int:
        """Connect, and return how many had to reconnect.

        Raises CannotRunError unless all are connected.
        """
        counts = self.request(f"connect {readers} {stalled}")
        if counts["connected"] != readers + stalled or counts["refused"]:
            raise CannotRunError(f"of {readers + stalled} readers: {counts}")
        return int(counts["again"])

    def request(self, command: str) -> Any:
        self.send(command)
        return self.receive()

    def send(self, command: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(command + "\n")
        self._program.stdin.flush()

    def receive(self) -> Any:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        if not line:
            raise CannotRunError("sse_readers exited")
        return json.loads(line)


@contextlib.contextmanager
def readers_of(stream: Stream, event_bytes: int) -> Iterator[Readers]:
    """Start the readers on the load generator's core, not yet connected."""
    options = [
        str(stream.port),
        stream.path,
        str(stream.publish_port),
        stream.publish_path,
        str(event_bytes - stream.overhead),
        stream.head,
        stream.tail,
    ]
    command = process.on_core(process.CLIENT_CORE, [native.built("sse_readers"), *options])
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Readers(program)
    finally:
        program.kill()
        program.wait()
