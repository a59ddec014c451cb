# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A handful of hostile connections do not block the channel for others."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.site import HANDLE, Site, new_site
from tests.waiting import TIMEOUT_SECONDS

# More than the threads that Django answers in.
LINES = 12
HEAD_SECONDS = 5
# The server as it is, but for how long it waits for a request's head: 20 seconds.
SHORT_HEADS = f"""
import sys
from canale.cli import main
from canale.net import timeouts
timeouts.HEAD_SECONDS = {HEAD_SECONDS}
sys.exit(main(sys.argv[4:]))
"""
LOGIN = "/newsroom/accounts/login/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with new_site(tmp_path_factory.mktemp("site"), start=False) as made:
        made.tracer = [sys.executable, "-c", SHORT_HEADS]
        made.start()
        yield made


@contextlib.contextmanager
def lines(site: Site, request: bytes, number: int = LINES) -> Iterator[list[socket.socket]]:
    """Open connections that have sent `request`, and take nothing of the answer."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(number):
            line = stack.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.connect(("127.0.0.1", site.port))
            line.settimeout(10)
            line.sendall(request)
            opened.append(line)
        yield opened


def answers(site: Site) -> bool:
    """Request something that is not in the page store, so that Django must answer."""
    return httpx.get(f"{site.api}/channels/{HANDLE}/posts", timeout=8).status_code == 200


def post(path: str, length: int, more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {length}\r\n\r\n{{".encode()


@pytest.mark.parametrize("path", [f"/api/v1/channels/{HANDLE}/followers", LOGIN])
def test_trickling_bodies_do_not_block_other_clients(site: Site, path: str) -> None:
    with lines(site, post(path, 1000)):
        assert answers(site)


def test_clients_that_do_not_read_never_block_others(site: Site) -> None:
    page = httpx.get(site.url + LOGIN).text
    style = page.split('rel="stylesheet" href="')[1].split('"')[0]
    request = f"GET {style} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with lines(site, request * 200):
        assert answers(site)
    assert answers(site)
    assert "Traceback" not in site.log()


@pytest.mark.parametrize(
    "endless",
    [
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
        b"GET / HTTP/1.1\r\na: " + b"b" * 200_000,
        b"GET /" + b"a" * 200_000,
        b"POST /api/v1/me HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"a: b\r\n" * 20_000,
    ],
    ids=["lines", "line", "address", "trailer"],
)
def test_endless_request_head_is_refused(site: Site, endless: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 10) as line:
        answer = b""
        with contextlib.suppress(ConnectionError):
            line.sendall(endless)
            while part := line.recv(4096):
                answer += part
        assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0]


def test_large_body_of_an_anonymous_client_is_refused(site: Site) -> None:
    chunk = b"%x\r\n%b\r\n" % (2**16, b"x" * 2**16)
    request = b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), 10) as line:
        line.sendall(request % LOGIN.encode() + chunk * 4)
        assert b" 413 " in line.recv(4096).split(b"\r\n")[0]


def test_chunked_request_is_accepted(site: Site) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"language"'
        yield b':"en"}'

    headers = {"Content-Type": "application/json"}
    url = f"{site.api}/channels/{HANDLE}/followers"
    answer = httpx.post(url, content=body(), headers=headers)
    assert (answer.status_code, answer.json()["language"]) == (201, "en")


def test_forged_host_does_not_poison_the_page_store(site: Site) -> None:
    """The first request renders the page for all simultaneous ones."""
    for path in ("/privacy", f"/c/{HANDLE}/", "/legal?" + "v=1&" * 1_001):
        assert httpx.get(site.url + path, headers={"Host": "a b"}).status_code == 400
        assert httpx.get(site.url + path, headers={"Host": "evil.example"}).status_code == 200
        assert "evil.example" not in httpx.get(site.url + path).text


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=rot13",
        "text/x; charset=hex",
        'multipart/x; CHARSET="idna"',
        "text/x; charset=utf-8; charset=rot13",
        "text/x; charset*=utf-8''rot13",
        'text/x; charset=" rot13"',
        'text/x; x="; charset=utf-8"; charset=hex',
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/me", LOGIN, "/api/v1/nothing"])
def test_requests_that_django_cannot_read_are_refused_first(
    site: Site, path: str, kind: str
) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, site.url + path, headers={"Content-Type": kind})
        assert answer.status_code == 415
        assert "content-security-policy" in answer.headers
        problem = path.startswith("/api/")
        assert (answer.headers["content-type"] == "application/problem+json") == problem
    with socket.create_connection(("127.0.0.1", site.port), 10) as line:
        line.sendall(f"GET {path}?a=\xe0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
        assert b" 400 " in line.recv(4096).split(b"\r\n")[0]
    assert " ERROR " not in site.log()


@pytest.mark.parametrize("path", ["/api/v1/me", LOGIN])
def test_malformed_content_type_is_a_400(site: Site, path: str) -> None:
    for kind in ("text/x; x*=nothing''y", "text/x; charset*=nothing''utf-8"):
        for method in ("GET", "POST"):
            answer = httpx.request(method, site.url + path, headers={"Content-Type": kind})
            assert answer.status_code == 400, kind
    # Two headers are one to Django.
    twice = [("Content-Type", "text/x; charset=hex"), ("Content-Type", "text/x; charset=utf-8")]
    assert httpx.get(site.url + path, headers=twice).status_code < 500
    assert " ERROR " not in site.log()


def test_refusals_are_problem_documents_with_security_headers(site: Site) -> None:
    asked = [
        ("POST", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("POST", site.channel.removeprefix(site.url), 405),
        ("POST", f"/live/{HANDLE}", 405),
        ("GET", "/live/nothing", 404),
        ("GET", f"/live/{HANDLE}?last_event_id=x", 400),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("OPTIONS", "/api/v1/me", 405),
    ]
    for method, path, status in asked:
        answer = httpx.request(method, site.url + path)
        assert answer.status_code == status, path
        assert "content-security-policy" in answer.headers, path
        if status >= 400 and path.startswith(("/api/", "/live/")):
            assert answer.headers["content-type"] == "application/problem+json", path
            assert answer.json()["status"] == status
    deep = httpx.put(
        f"{site.api}/posts/1/reaction",
        content="[" * 8_000,
        headers={"Content-Type": "application/json"},
    )
    assert (deep.status_code, deep.json()["status"]) == (400, 400)
    with socket.create_connection(("127.0.0.1", site.port), 10) as line:
        line.sendall(b"G\x01T / HTTP/1.1\r\n\r\n")
        answer = line.recv(4096)
        assert b" 400 " in answer.split(b"\r\n")[0]
        assert b"content-security-policy" in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_pages_accept_get_and_head_only(site: Site, method: str) -> None:
    answer = httpx.request(method, site.channel)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_idle_connection_is_closed(site: Site) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost:")
        line.settimeout(TIMEOUT_SECONDS)
        assert line.recv(100) == b""
    assert time.monotonic() - begun > HEAD_SECONDS / 2, "it was closed for another reason"
