# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The findings of `canale check` about contact, reach of push services, and clock."""

from __future__ import annotations

import socket
from threading import Thread
from types import SimpleNamespace

import pytest

from canale.cli.check import shown
from canale.delivery.transports.webpush import checks

CONTACT = "mailto:urp@comune.example.it"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(base_url="", vapid_contact=CONTACT, push_proxy="")
    monkeypatch.setattr(checks, "settings", made)
    return made


def _answered(answer: bytes) -> list[float]:
    ours, theirs = socket.socketpair()
    asked: list[bytes] = []

    def serve() -> None:
        asked.append(theirs.recv(4096))
        theirs.sendall(answer)
        theirs.close()

    server = Thread(target=serve)
    server.start()
    with ours:
        told = checks.their_time(ours, "push.example")
    server.join(5)
    assert asked[0].startswith(b"HEAD / HTTP/1.1\r\nHost: push.example\r\n")
    return told


def test_clock_of_the_far_end_is_read() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:01:40 GMT\r\n\r\n"
    assert _answered(answer) == [100.0]


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nDate: x\r\n\r\n"],
)
def test_far_end_without_a_date_header_is_reachable(answer: bytes) -> None:
    assert _answered(answer) == []


def test_wrong_clock_is_reported_with_a_fix() -> None:
    assert checks.skew(checks.MAX_SKEW_SECONDS - 1.0).ok
    said = shown(checks.skew(-7200.0))
    assert said.startswith("WRONG    the clock is 7200 s behind")
    assert "NTP" in said


@pytest.mark.parametrize(
    ("base_url", "contact", "ok", "warning"),
    [
        ("https://canale.example.it", CONTACT, True, False),
        ("https://10.0.0.5", "mailto:admin@localhost", False, False),
        ("http://localhost:8000", "mailto:admin@localhost", False, True),
    ],
)
def test_contact_refused_by_push_services_is_reported(
    settings: SimpleNamespace, base_url: str, contact: str, ok: bool, warning: bool
) -> None:
    settings.base_url, settings.vapid_contact = base_url, contact
    (found,) = checks.check_settings()
    assert found.ok is ok
    assert ok or found.warning is warning


@pytest.mark.parametrize("refusal", ["403 Forbidden", "407 Sign in, not 200"])
def test_push_services_are_checked_through_the_proxy(
    settings: SimpleNamespace, refusal: str
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        settings.push_proxy = f"http://city:p%40ss@127.0.0.1:{proxy.getsockname()[1]}"

        def refuse() -> None:
            line, _ = proxy.accept()
            with line:
                asked.append(line.recv(4096))
                line.sendall(f"HTTP/1.1 {refusal}\r\n\r\n".encode())

        thread = Thread(target=refuse)
        thread.start()
        with pytest.raises(OSError, match=f"the proxy answers HTTP/1.1 {refusal}"):
            checks.connect_to("web.push.apple.com")
        thread.join(5)
    assert asked[0].startswith(b"CONNECT web.push.apple.com:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic Y2l0eTpwQHNz\r\n" in asked[0]


def test_proxy_over_tls_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    proxied = SimpleNamespace(push_proxy="https://proxy.example.it:3128")
    monkeypatch.setattr(checks, "settings", proxied)
    (found,) = checks.check_services()
    assert found.warning
    assert "were not tried" in found.what
