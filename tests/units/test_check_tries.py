# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`canale check` tries what it says, shows what is wrong first, and ends with a count."""

from __future__ import annotations

import argparse
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from canale.cli import check, check_tries
from canale.cli.check import counted
from canale.core.finding import Finding
from tests.standins.certificate import certified

CONTACT = "mailto:urp@comune.example.it"


@contextmanager
def answering(status: int, body: str, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    made = SimpleNamespace(base_url="", vapid_contact=CONTACT, data=tmp_path)
    monkeypatch.setattr(check_tries, "settings", made)
    return made


def test_failed_checks_come_first_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, look = Finding(True, "fine"), Finding(False, "look", "fix", warning=True)
    wrong = Finding(False, "wrong", "fix")
    names = ["clock", "folder", "written_file", "permissions", "key", "address", "database"]
    names += ["vault", "bus", "broker", "front_end", "open_files", "limits"]
    said = {"clock": [fine, look], "key": [wrong], "limits": [fine, fine]}
    for name in names:
        monkeypatch.setattr(check, name, lambda name=name: iter(said.get(name, [])))
    monkeypatch.setattr(check, "FAN_OUTS", ())
    offline = argparse.Namespace(offline=True)
    assert check.run(offline) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1].strip()]
    assert [line.split()[0] for line in lines] == ["WRONG", "warning", "ok", "ok", "ok", "1"]
    assert lines[-1] == "1 wrong, 1 warning, 3 ok"
    said["key"] = []
    assert check.run(offline) == 0
    assert capsys.readouterr().out.endswith("\n0 wrong, 1 warning, 3 ok\n")
    assert counted([wrong, wrong]) == "2 wrong, 0 warnings, 0 ok\n"


def test_site_that_answers_passes(settings: SimpleNamespace) -> None:
    with answering(200, f"Contact: {CONTACT}\n") as port:
        settings.base_url = f"http://127.0.0.1:{port}"
        (found,) = check_tries.site()
    assert found.ok
    assert "127.0.0.1" in found.what


@pytest.mark.parametrize(("status", "body"), [(200, "a parked domain"), (421, ""), (502, "")])
def test_other_server_at_the_base_url_is_noticed(
    settings: SimpleNamespace, status: int, body: str
) -> None:
    with answering(status, body) as port:
        settings.base_url = f"http://127.0.0.1:{port}"
        (found,) = check_tries.site()
    assert not found.ok
    assert str(status) in found.what


def test_unreachable_site_is_reported_with_its_address(
    settings: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.base_url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        (found,) = check_tries.site()
    assert not found.ok
    assert "(127.0.0.1)" in found.what

    def unknown(*args: Any, **more: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    settings.base_url = "https://canale.example.it"
    (found,) = check_tries.site()
    assert (found.ok, found.warning) == (False, False)
    assert "canale.example.it is not found" in found.what


def test_certificate_is_checked(
    settings: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, tls = certified(tmp_path)
    with answering(200, f"Contact: {CONTACT}\n", tls) as port:
        settings.base_url = f"https://localhost:{port}"
        (untrusted,) = check_tries.site()
        assert (untrusted.ok, untrusted.warning) == (False, False)
        assert "is not trusted" in untrusted.what
        trusting = ssl.create_default_context(cadata=authority.decode())
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        answers, ends = check_tries.site()
    assert answers.ok
    # The stand-in's lives for an hour.
    assert not ends.ok
    assert "ends in 0 days" in ends.what


def test_check_writes_and_deletes_a_file(settings: SimpleNamespace, tmp_path: Path) -> None:
    (found,) = check_tries.written_file()
    assert found.ok
    assert list(tmp_path.iterdir()) == []
    settings.data = tmp_path / "gone"
    (found,) = check_tries.written_file()
    assert not found.ok


@pytest.mark.django_db
def test_check_writes_and_rolls_back_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError, connection

    (found,) = check_tries.written_row()
    assert found.ok

    def refused(*args: Any) -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(connection, "cursor", refused)
    (found,) = check_tries.written_row()
    assert not found.ok
    assert "readonly" in found.what
