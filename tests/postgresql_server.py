# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A PostgreSQL server of a test's own, with the settings of deploy/: it may fall over."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.network import Network
from tests.ports import free_port
from tests.structure.repository import ROOT


def programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = str(found[-1]) if found else shutil.which("initdb")
    return Path(path).parent if path else None


class PostgresqlServer:
    """Reached through a socket in its folder; its user, canale, has one database, canale."""

    def __init__(self, folder: Path, network: Network | None = None) -> None:
        self.folder = folder
        self._network = network
        self.url = f"postgresql://canale@/canale?host={folder}"
        if network is not None:
            self._port = free_port(network.address)
            self.url = f"postgresql://canale@{network.address}:{self._port}/canale"
        # PostgreSQL refuses to run as root.
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def make(self) -> None:
        self._run("initdb", "-D", "data", "-U", "canale", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(f"include '{self.folder}/canale.conf'\n")
            file.write(f"{self._listen()}\nfsync = off\nshared_buffers = 64MB\n")
            file.write(f"unix_socket_directories = '{self.folder}'\n")
        if self._network is not None:
            with (self.folder / "data/pg_hba.conf").open("a") as file:
                file.write(f"host all all {self._network.mask} trust\n")
        self.start()
        port = [] if self._network is None else ["--port", str(self._port)]
        self._run("createdb", "--host", str(self.folder), *port, "--username", "canale", "canale")

    @property
    def pid(self) -> int:
        return int((self.folder / "data/postmaster.pid").read_text().split()[0])

    def _listen(self) -> str:
        if self._network is None:
            return "listen_addresses = ''"
        return f"listen_addresses = '{self._network.address}'\nport = {self._port}"

    def start(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-s", "-l", "log", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop as if the machine lost its power, unless another mode is given."""
        self._run("pg_ctl", "-D", "data", "-w", "-s", "-m", mode, "stop")

    def _run(self, program: str, *arguments: str) -> None:
        found = programs()
        assert found is not None
        command = [*self._as, str(found / program), *arguments]
        # A pipe would be kept open by the server that pg_ctl leaves behind.
        with (self.folder / "said").open("ab") as said:
            done = subprocess.run(command, cwd=self.folder, stdout=said, stderr=said, check=False)
        assert done.returncode == 0, (self.folder / "said").read_text()


@contextmanager
def postgresql_server(network: Network | None = None) -> Iterator[PostgresqlServer]:
    """Reached through a socket of this machine, or by a network's other machines too."""
    # A socket's path is short, and pytest's folders are closed to the user postgres.
    folder = Path(tempfile.mkdtemp(prefix="canale-pg-"))
    shutil.copy(ROOT / "deploy/postgresql.conf", folder / "canale.conf")
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    (folder / "canale.conf").chmod(0o644)
    server = PostgresqlServer(folder, network)
    try:
        server.make()
        yield server
    finally:
        if (folder / "data/postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
