# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bus of one machine: hints reach every listener and never hurt the publisher."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from canale.bus.local import LONGEST_PATH, LocalBus, short_folder, socket_folder
from tests.waiting import until

# The queue of a socket, in datagrams (unix(7)).
QUEUE_LENGTH = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())


def test_every_listener_receives_a_notification(tmp_path: Path) -> None:
    async def flow() -> None:
        heard: list[tuple[str, str, bytes]] = []
        bus = LocalBus(tmp_path)
        one = bus.subscribe({"live": lambda data: heard.append(("one", "live", data))})
        two = LocalBus(tmp_path).subscribe(
            {
                "live": lambda data: heard.append(("two", "live", data)),
                "work": lambda data: heard.append(("two", "work", data)),
            }
        )
        bus.publish("live", b"17")
        await until(lambda: len(heard) == 2)
        assert sorted(heard) == [("one", "live", b"17"), ("two", "live", b"17")]
        bus.publish("work")
        await until(lambda: len(heard) == 3)
        one.close()
        bus.publish("live", b"18")
        await until(lambda: len(heard) == 4)
        assert heard[2:] == [("two", "work", b""), ("two", "live", b"18")]
        two.close()
        two.close()
        assert list(bus.folder.iterdir()) == []

    asyncio.run(flow())


def test_notifications_from_other_processes_and_threads_arrive(tmp_path: Path) -> None:
    async def flow() -> None:
        heard: list[bytes] = []
        bus = LocalBus(tmp_path)
        listener = bus.subscribe({"live": heard.append})
        script = "import sys, pathlib; from canale.bus.local import LocalBus\n"
        script += "LocalBus(pathlib.Path(sys.argv[1])).publish('live', b'process')"
        arguments = [sys.executable, "-c", script, str(tmp_path)]
        await asyncio.to_thread(subprocess.run, arguments, check=True)
        thread = threading.Thread(target=bus.publish, args=("live", b"thread"))
        thread.start()
        await until(lambda: len(heard) == 2)
        thread.join()
        assert heard == [b"process", b"thread"]
        listener.close()

    asyncio.run(flow())


def test_a_dead_listeners_socket_is_removed(tmp_path: Path) -> None:
    async def flow() -> None:
        heard: list[bytes] = []
        bus = LocalBus(tmp_path)
        listener = bus.subscribe({"live": heard.append})
        dead = bus.folder / "999-dead.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_behind:
            left_behind.bind(str(dead))
        assert dead.exists()
        bus.publish("live", b"1")
        assert not dead.exists()
        await until(lambda: heard == [b"1"])
        listener.close()

    asyncio.run(flow())


def test_busy_listener_does_not_block_the_publisher(tmp_path: Path) -> None:
    async def flow() -> None:
        heard: list[bytes] = []
        bus = LocalBus(tmp_path)
        listener = bus.subscribe({"live": heard.append})
        # The loop does not run until all are sent.
        for number in range(4 * QUEUE_LENGTH):
            bus.publish("live", str(number).encode())
        bus_was_full = len(heard)
        await until(lambda: len(heard) > 0)
        await asyncio.sleep(0)
        assert bus_was_full == 0
        assert heard[0] == b"0"
        assert len(heard) < 4 * QUEUE_LENGTH
        listener.close()

    asyncio.run(flow())


def test_publishing_without_listeners_or_folder_does_not_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    LocalBus(tmp_path / "nowhere").publish("live", b"1")
    file = tmp_path / "bus"
    file.write_text("not a folder")
    LocalBus(tmp_path).publish("live", b"1")
    assert caplog.messages == []


def test_failing_callback_does_not_stop_the_listener(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow() -> None:
        heard: list[bytes] = []

        def callback(data: bytes) -> None:
            heard.append(data)
            raise RuntimeError("broken")

        bus = LocalBus(tmp_path)
        listener = bus.subscribe({"live": callback})
        bus.publish("live", b"1")
        bus.publish("live", b"2")
        await until(lambda: heard == [b"1", b"2"])
        listener.close()

    asyncio.run(flow())
    # In the bus's own words: asyncio would report it without the hint.
    assert [record.name for record in caplog.records] == ["canale.bus.local"] * 2
    assert r"live\n1" in caplog.messages[0]


def test_folder_is_private(tmp_path: Path) -> None:
    async def flow() -> None:
        bus = LocalBus(tmp_path)
        bus.folder.mkdir(mode=0o755)
        bus.subscribe({}).close()
        assert bus.folder.stat().st_mode & 0o777 == 0o700

    asyncio.run(flow())


def test_symbolic_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    async def flow() -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        bus = LocalBus(tmp_path)
        bus.folder.symlink_to(elsewhere)
        with pytest.raises(PermissionError):
            bus.subscribe({})

    asyncio.run(flow())


def test_deep_data_folder_gets_a_short_socket_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    deep = tmp_path / ("x" * 80) / ("y" * 80)
    folder = socket_folder(deep)
    assert folder.parent == Path("/run/user/0")
    assert folder == socket_folder(deep)
    assert folder != socket_folder(deep / "other")
    assert len(os.fsencode(folder / "1234567-01234567.sock")) <= LONGEST_PATH


def test_notifications_arrive_through_the_short_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def flow() -> None:
        heard: list[bytes] = []
        bus = LocalBus(tmp_path / ("x" * 80) / ("y" * 80))
        listener = bus.subscribe({"live": heard.append})
        bus.publish("live", b"1")
        await until(lambda: heard == [b"1"])
        listener.close()

    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        asyncio.run(flow())


def test_short_folder_made_by_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as theirs:
        theirs.setblocking(False)
        theirs.bind(str(elsewhere / "1-a.sock"))
        short_folder(tmp_path / "data").symlink_to(elsewhere)
        LocalBus(tmp_path / "data").publish("live", b"17")
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
