# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real nats-server on a free port of 127.0.0.1, which a test may stop and start again."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

import pytest

from canale.bus import Bus
from canale.bus.base import SUBJECTS
from canale.nats.bus import NatsBus
from tests.ports import free_port
from tests.waiting import until, wait_until

Heard = list[tuple[str, bytes]]

# Debian puts it where a user's PATH may not lead.
PROGRAM = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin") or ""

needs_nats = pytest.mark.skipif(
    not PROGRAM and not os.environ.get("CI"),
    reason="nats-server is not installed (apt-get install nats-server)",
)


class NatsServer:
    """`with NatsServer(folder) as nats: … nats.url`. More of its configuration by `settings`."""

    def __init__(self, folder: Path, settings: str = "", host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = free_port(host)
        self.url = f"nats://{host}:{self.port}"
        self.folder = folder
        self._log = folder / f"nats-{self.port}.log"
        self._configuration = folder / f"nats-{self.port}.conf"
        self._configuration.write_text(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        address = ["-a", self.host, "-p", str(self.port)]
        files = ["-c", str(self._configuration), "-l", str(self._log)]
        self._process = subprocess.Popen([PROGRAM, *address, *files], stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"nats-server ended:\n{self.log()}"
        try:
            socket.create_connection((self.host, self.port), 1).close()
        except OSError:
            return False
        return True

    @property
    def runs(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def quit(self) -> None:
        """Stop it as systemd does."""
        self._end(signal.SIGINT)

    def freeze(self) -> None:
        """It keeps its connections and says nothing, as behind a network that swallows packets."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def __enter__(self) -> NatsServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


_TELLER = """
import sys
from canale.nats.bus import NatsBus
_, url, installation, subject, data = sys.argv
NatsBus((url,), installation).publish(subject, data.encode())
"""


def tell_from_a_process(url: str, installation: str, subject: str, data: str = "") -> str:
    """Tell the bus something from a process that ends at once; what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", _TELLER, url, installation, subject, data],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.stderr


def run(flow: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(flow())


_open_buses: list[NatsBus] = []


def new_bus(*urls: str, installation: str = "city") -> NatsBus:
    """A bus for one test, which `closed_buses` ends with it."""
    _open_buses.append(NatsBus(urls, installation))
    return _open_buses[-1]


@pytest.fixture
def closed_buses() -> Iterator[None]:
    """End the threads of the test's buses: they would log to a stream that pytest has closed."""
    yield
    close_buses()


def close_buses() -> None:
    """End their threads: at once while their server runs, within two seconds when it is gone."""
    while _open_buses:
        _open_buses.pop().close()


async def listening(bus: Bus) -> Heard:
    """Return the list that a new listener fills, once it is certain to receive.

    The probes that make it certain, and may still reach other listeners, are in no list.
    """
    heard: Heard = []
    mark, returned = secrets.token_bytes(8), asyncio.Event()

    def hear(subject: str, data: bytes) -> None:
        heard.append((subject, data))

    def prove(data: bytes) -> None:
        if data == mark:
            returned.set()

    bus.subscribe({**{subject: partial(hear, subject) for subject in SUBJECTS}, "sure": prove})
    await until(lambda: not bus.problem)
    bus.publish("sure", mark)
    await until(returned.is_set)
    # With a connection comes a hint to look at everything.
    heard.clear()
    return heard
