# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several web processes share one port, and workers may be elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService
from tests.waiting import wait_until
from tests.worker_node import worker_node


def web_processes(site: Site) -> list[int]:
    """Those beside the main one."""
    return [pid for pid in site.workers() if b"serve" in command(pid)]


def command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_processes_share_the_port_and_the_main_process_life(tmp_path: Path) -> None:
    with new_site(tmp_path, CANALE_WEB_PROCESSES="3", CANALE_WORKERS="1") as site:
        wait_until(lambda: site.listeners() == 3)
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(Reader(f"{site.url}/live/{HANDLE}")) for _ in range(24)]
            number = int(str(site.post(site.token())["id"]))
            for reader in readers:
                reader.wait_for("post", number)
            assert all(len(reader.told) == 1 for reader in readers)

        before = web_processes(site)
        os.kill(before[0], signal.SIGKILL)
        # The socket of a killed process may be closed a little later.
        wait_until(lambda: len(set(web_processes(site)) - set(before)) == 1)
        wait_until(lambda: site.listeners() == 3)
        for _ in range(24):
            assert httpx.get(f"{site.url}/healthz").status_code == 200

        others = site.workers()
        assert len(others) == 3
        site.kill()
        wait_until(lambda: not any(b"canale" in command(pid) for pid in others))
        site.start()
        wait_until(lambda: site.listeners() == 3)
        others = site.workers()
        site.stop()
        assert not any(b"canale" in command(pid) for pid in others)
        assert site.listeners() == 0


def test_open_connections_are_answered_during_shutdown(site: Site) -> None:
    assert site.server is not None
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", site.port)) as known,
        socket.create_connection(("127.0.0.1", site.port)) as fresh,
    ):
        known.sendall(request)
        assert answered(known).startswith(b"http/1.1 200")
        site.server.send_signal(signal.SIGTERM)
        wait_until(lambda: site.listeners() == 0)
        for line in (known, fresh):
            line.sendall(request)
            answer = answered(line)
            assert answer.startswith(b"http/1.1 200")
            assert b"connection: close" in answer
    assert site.server.wait(10) == 0


def answered(line: socket.socket) -> bytes:
    """One answer, its body too, in small letters."""
    said = b""
    while not said.endswith(b"}"):
        more = line.recv(4096)
        assert more, said
        said += more
    return said.lower()


def policies(process: int) -> list[int]:
    """By which its threads are scheduled; there are several."""
    found = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        # A thread may end while we look.
        with contextlib.suppress(ProcessLookupError):
            found.append(os.sched_getscheduler(int(thread.name)))
    assert len(found) > 1
    return found


def policy_of_workers() -> int:
    """SCHED_BATCH, where this machine lets a process ask for it and nobody chose another."""
    ask = "import os; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))"
    own = os.sched_getscheduler(0)
    if own != os.SCHED_OTHER:
        return own
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False)
    return own if asked.returncode else os.SCHED_BATCH


def test_separate_worker_releases_its_batches_when_it_stops(tmp_path: Path) -> None:
    followers = 4_000
    with (
        PushService() as push,
        new_site(tmp_path, CANALE_WORKERS="0", CANALE_PUSH_ORIGINS=push.origin) as site,
    ):
        assert "workers" not in httpx.get(f"{site.url}/readyz").json()
        assert site.workers() == []
        site.inside("follow", push.subscribe(followers))
        number = int(str(site.post(site.token())["id"]))
        with worker_node(site.environment, site.folder / "worker-log") as first:
            wait_until(lambda: len(push.received) > 500, seconds=60)
            assert set(policies(first.pid)) == {policy_of_workers()}
            first.send_signal(signal.SIGTERM)
            assert first.wait(30) == 0
        assert len(push.received) < followers
        begun = time.monotonic()
        with worker_node(site.environment, site.folder / "worker-log") as second:
            wait_until(lambda: len(push.received) >= followers, seconds=60)
            wait_until(lambda: site.inside("counts", number)[0]["finished"])
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0
        # Handed back, not waited for until the lease ended.
        assert time.monotonic() - begun < 60
        endpoints = [message.endpoint for message in push.received]
        assert len(endpoints) == len(set(endpoints)) == followers
