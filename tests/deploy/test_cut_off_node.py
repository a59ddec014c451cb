# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One node of two is cut off from PostgreSQL, and hears through NATS what it cannot read."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.nats_server import NatsServer
from tests.postgresql_server import postgresql_server, programs
from tests.reader import Reader
from tests.site import HANDLE, Site, new_site
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]
SOCKET = ".s.PGSQL.5432"


class Cable:
    """Carries a node's connections to PostgreSQL until it is cut."""

    def __init__(self, server: Path, own: Path) -> None:
        self._server = server
        self._ends: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(own / SOCKET))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for end in [self._listener, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self._server / SOCKET))
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path is short.
    with tempfile.TemporaryDirectory(prefix="canale-cable-") as made:
        yield Path(made)


@pytest.mark.long
def test_cut_off_node_does_not_show_posts_withdrawn_elsewhere(tmp_path: Path, folder: Path) -> None:
    with postgresql_server() as database, NatsServer(folder) as nats:
        shared = {"CANALE_NATS_URL": nats.url, "CANALE_SECRET_KEY": "k" * 40}
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        with new_site(tmp_path / "one", CANALE_DATABASE_URL=database.url, **shared) as one:
            cable = Cable(database.folder, folder)
            url = f"postgresql://canale@/canale?host={folder}"
            two = Site(tmp_path / "two", {**shared, "CANALE_DATABASE_URL": url})
            two.start()
            try:
                wait_until(lambda: _ready(two).get("bus") == "ok")
                token = one.token()
                # A page rendered before the node has the post's line would be dropped with it.
                with Reader(f"{two.url}/live/{HANDLE}") as reader:
                    post = int(str(one.post(token, headline="Sbagliata")["id"]))
                    reader.wait_for("post", post)
                page = f"{two.channel}p/{post}"
                wait_until(lambda: "Sbagliata" in _get(page).text)
                cable.cut()
                wait_until(lambda: _ready(two).get("database") == "no answer")
                # Nobody said that there is more: better than none.
                assert _get(page).status_code == 200
                one.withdraw(token, post)
                wait_until(lambda: _get(page).status_code == 503)
                assert "Sbagliata" not in _get(page).text
                assert _get(f"{one.channel}p/{post}").status_code == 410
            finally:
                two.stop()
                cable.cut()


def _get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=30)


def _ready(node: Site) -> dict[str, object]:
    said: dict[str, object] = _get(f"{node.url}/readyz").json()
    return said
