# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Test processes that run at once, of one run or of several, share no port."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.ports import SLICE, free_port

ASK = "from tests.ports import free_port; print(free_port(), flush=True); input()"


def test_processes_that_run_at_once_take_different_slices() -> None:
    command = [sys.executable, "-c", ASK]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as second,
    ):
        ports = [free_port()]
        for process in (first, second):
            assert process.stdout is not None
            ports.append(int(process.stdout.readline()))
        for process in (first, second):
            process.communicate(b"\n")
    assert len({port // SLICE for port in ports}) == len(ports)


def test_port_that_is_listened_on_is_passed_over() -> None:
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        assert taken not in {free_port() for _ in range(SLICE)}
