# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Under https the site answers to one name: that of its base URL."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.site import HANDLE, Site, new_site

NAME = "canale.comune.forlì.it"
SENT = "canale.comune.xn--forl-tpa.it"
# Each way in which requests are answered: from memory, by the stream, by the API in front of
# Django, by Django, from a file.
PATHS = [
    "/", f"/c/{HANDLE}/", f"/c/{HANDLE}/feed.atom", f"/c/{HANDLE}/qr.png", f"/live/{HANDLE}",
    f"/api/v1/channels/{HANDLE}", "/api/v1/me", "/newsroom/accounts/login/", "/sw.js",
    "/robots.txt", "/manifest.webmanifest", "/static/not-there",
]  # fmt: skip


@pytest.fixture(scope="module")
def secure_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with new_site(tmp_path_factory.mktemp("hosts"), CANALE_BASE_URL=f"https://{NAME}") as site:
        yield site


def get(site: Site, path: str, host: str) -> httpx.Response:
    with httpx.stream("GET", site.url + path, headers={"Host": host}, timeout=30) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer
        answer.read()
        return answer


@pytest.mark.parametrize("path", PATHS)
def test_unknown_host_is_refused_by_every_entry_point(secure_site: Site, path: str) -> None:
    # Twice: what is in memory is answered before anything else looks at the request.
    for _ in range(2):
        assert get(secure_site, path, SENT).status_code in {200, 302, 404, 405}
        for host in ("evil.example", f"localhost:{secure_site.port}", f"{SENT}.evil.example"):
            answer = get(secure_site, path, host)
            assert answer.status_code == 421
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store"


def test_public_pages_are_served_under_an_internationalized_host(secure_site: Site) -> None:
    page = get(secure_site, f"/c/{HANDLE}/", SENT)
    assert page.status_code == 200
    assert f"https://{SENT}/c/{HANDLE}/" in page.text
    assert "forlì" not in page.text


def test_health_is_answered_under_any_name(secure_site: Site) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert httpx.get(secure_site.url + path).status_code == 200


def raw(site: Site, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", site.port), 10) as line:
        line.sendall(request)
        return line.recv(65536)


@pytest.mark.parametrize("path", [f"/c/{HANDLE}/", f"/live/{HANDLE}", "/healthz", "/newsroom/"])
def test_request_without_a_host_is_a_bad_request(
    secure_site: Site, module_site: Site, path: str
) -> None:
    for site in (secure_site, module_site):
        said = raw(site, f"GET {path} HTTP/1.1\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 400 "), said


def test_protocol_upgrade_does_not_bypass_the_host_check(secure_site: Site) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    for path in (f"/live/{HANDLE}", f"/c/{HANDLE}/"):
        head = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n{upgrade}\r\n"
        assert raw(secure_site, head.encode()).startswith(b"HTTP/1.1 421 ")


def test_host_of_an_absolute_request_target_counts(secure_site: Site) -> None:
    own = f"Host: {SENT}\r\nConnection: close\r\n\r\n"
    said = raw(secure_site, f"GET http://evil.example/c/{HANDLE}/ HTTP/1.1\r\n{own}".encode())
    assert said.startswith(b"HTTP/1.1 421 ")


def test_passkey_challenge_is_for_the_sites_own_host(secure_site: Site) -> None:
    headers = {"Host": SENT, "X-Requested-With": "XMLHttpRequest", "X-Forwarded-Proto": "https"}
    path = "/newsroom/accounts/2fa/webauthn/login/"
    answer = httpx.get(secure_site.url + path, headers=headers)
    assert answer.json()["request_options"]["publicKey"]["rpId"] == SENT


def test_any_host_is_accepted_without_tls(module_site: Site) -> None:
    port = module_site.port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "canale-pc.local"):
        for path in (f"/c/{HANDLE}/", "/newsroom/accounts/login/"):
            assert get(module_site, path, host).status_code == 200
    options = httpx.get(
        f"{module_site.url}/newsroom/accounts/2fa/webauthn/login/",
        headers={"Host": "evil.example", "X-Requested-With": "XMLHttpRequest"},
    ).json()
    assert options["request_options"]["publicKey"]["rpId"] == "localhost"
