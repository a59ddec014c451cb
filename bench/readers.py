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
    """A server that streams: where to read, where and how to publish, which processes it has.

    `head` and `tail` stand around the payload in the request that publishes; `overhead` is what
    the server puts around it on the wire, in bytes. `publish_port` 0: somebody else publishes.
    `aside` are processes that have nothing to do with connections: their memory does not count.
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
        """How many were cut off at first and came again. Raises CannotRunError unless all are
        connected."""
        said = self.tell(f"connect {readers} {stalled}")
        if said["connected"] != readers + stalled or said["refused"]:
            raise CannotRunError(f"of {readers + stalled} readers: {said}")
        return int(said["again"])

    def tell(self, command: str) -> Any:
        self.say(command)
        return self.hear()

    def say(self, command: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(command + "\n")
        self._program.stdin.flush()

    def hear(self) -> Any:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        if not line:
            raise CannotRunError("the readers' program ended")
        return json.loads(line)


@contextlib.contextmanager
def readers_of(stream: Stream, event_bytes: int) -> Iterator[Readers]:
    """Readers on the load generator's core, none of them connected yet."""
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
