# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Machines of their own on this one, for root: network namespaces on a bridge, cut off at will.

In a test::

    with network() as net:
        worker = net.machine("worker-1")
        process = subprocess.Popen(worker.inside(["canale", "worker"]), …)
        worker.cut_off()
        …
        worker.reconnect()

This machine has the address `net.address` on the bridge; nothing else is reached from inside.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# For tests of networks, nowhere routed (RFC 2544, appendix C.2.2).
BLOCK = "198.18"
PREFIX = "canale-net"

needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None,
    reason="only root may make network namespaces (with iproute2)",
)


@dataclass
class Machine:
    """A namespace with one address, and a host name of its own for what runs in it."""

    name: str
    space: str
    address: str
    cable: str
    """The bridge's end."""

    def inside(self, command: Sequence[str | Path]) -> list[str]:
        """The command, to be run there; its process is the very one that is started."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name]
        return ["ip", "netns", "exec", self.space, *named, *map(str, command)]

    def cut_off(self) -> None:
        """Pull the cable: packets are dropped, connections stay open."""
        _ip("link", "set", self.cable, "down")

    def reconnect(self) -> None:
        _ip("link", "set", self.cable, "up")


@dataclass
class Network:
    bridge: str
    subnet: str
    machines: list[Machine] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address of this machine in the network."""
        return f"{self.subnet}.1"

    @property
    def mask(self) -> str:
        """All of it."""
        return f"{self.subnet}.0/24"

    def machine(self, name: str) -> Machine:
        number = len(self.machines) + 2
        made = Machine(
            name,
            f"{PREFIX}-{os.getpid()}-{self.bridge}-{number}",
            f"{self.subnet}.{number}",
            f"{self.bridge}p{number}",
        )
        self.machines.append(made)
        _ip("netns", "add", made.space)
        _ip("link", "add", made.cable, "type", "veth", "peer", "name", "eth0", "netns", made.space)
        _ip("link", "set", made.cable, "master", self.bridge, "up")
        _ip("-n", made.space, "address", "add", f"{made.address}/24", "dev", "eth0")
        _ip("-n", made.space, "link", "set", "eth0", "up")
        _ip("-n", made.space, "link", "set", "lo", "up")
        return made


@contextmanager
def network() -> Iterator[Network]:
    """A network that is removed at the end, when nothing may run in its machines any more."""
    _sweep()
    made = Network(f"cn{secrets.token_hex(3)}", f"{BLOCK}.{secrets.randbelow(256)}")
    try:
        _ip("link", "add", made.bridge, "type", "bridge")
        _ip("address", "add", f"{made.address}/24", "dev", made.bridge)
        _ip("link", "set", made.bridge, "up")
        yield made
    finally:
        for machine in made.machines:
            _remove(machine.cable, machine.space)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", made.bridge)


def _sweep() -> None:
    """Remove what a killed run has left behind."""
    for space in _ip("netns", "list").splitlines():
        found = re.match(rf"{PREFIX}-(\d+)-(\w+)-(\d+)\b", space)
        if found and not Path(f"/proc/{found[1]}").exists():
            _remove(f"{found[2]}p{found[3]}", found[0])
            with suppress(subprocess.CalledProcessError):
                _ip("link", "delete", found[2])


def _remove(cable: str, space: str) -> None:
    for command in (("link", "delete", cable), ("netns", "delete", space)):
        # Half of it may never have been made.
        with suppress(subprocess.CalledProcessError):
            _ip(*command)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)
    return done.stdout
