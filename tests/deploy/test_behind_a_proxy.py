# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale behind nginx and Caddy as deploy/ sets them up."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.deploy import proxies
from tests.deploy.proxies import NAME
from tests.pace import answers_until_refused
from tests.ports import free_port
from tests.site import HANDLE, Site, new_site
from tests.waiting import TIMEOUT_SECONDS, wait_until

BATCH_ADDRESSES = 2_000
INSTALLED = {
    "nginx": Path("/usr/sbin/nginx").exists() or shutil.which("nginx"),
    "caddy": shutil.which("caddy"),
}


@dataclass
class Front:
    """The address that citizens have, and the two canales behind it."""

    name: str
    plain: int
    tls: int
    folder: Path
    first: Site
    second: Site

    def client(self, *, http2: bool = False, source: str = "127.0.0.1") -> httpx.Client:
        """Knows the self-signed certificate, and the name whatever DNS says."""
        trust = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        transport = httpx.HTTPTransport(verify=trust, http2=http2, local_address=source)
        return httpx.Client(
            transport=Named(transport),
            base_url=f"https://{NAME}:{self.tls}",
            timeout=httpx.Timeout(30),
        )


class Named(httpx.BaseTransport):
    """Sends what is for the channel's name to this machine."""

    def __init__(self, inner: httpx.HTTPTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = NAME
        request.url = request.url.copy_with(host="127.0.0.1")
        request.headers["Host"] = NAME
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.fixture(params=["nginx", "caddy"], scope="module")
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    name: str = request.param
    if not INSTALLED[name]:
        pytest.skip(f"{name} is not installed (bin/install-test-system)")
    folder = tmp_path_factory.mktemp(name)
    ports = {"plain": free_port(), "tls": free_port()}
    settings = {"CANALE_BASE_URL": f"https://{NAME}", "CANALE_RATE_LIMITS": "on"}
    # By default every loopback address may be a proxy's; here, the others are readers.
    settings["CANALE_TRUSTED_PROXIES"] = "127.0.0.1"
    with new_site(folder, **settings, CANALE_WORKERS="1") as first:
        (folder / "second").mkdir()
        second = Site(folder / "second", first.environment | {"CANALE_DATA": str(folder / "data")})
        second.environment["CANALE_PORT"] = str(second.port)
        proxy = getattr(proxies, name)
        try:
            with proxy(folder, (first.port, second.port), ports["plain"], ports["tls"]):
                yield Front(name, ports["plain"], ports["tls"], folder, first, second)
        finally:
            second.stop()


def test_pages_arrive_complete_with_their_headers(front: Front) -> None:
    with front.client(http2=True) as browser:
        page = browser.get(f"/c/{HANDLE}/")
        assert (page.status_code, page.http_version) == (200, "HTTP/2")
        address = f"http://127.0.0.1:{front.first.port}/c/{HANDLE}/"
        direct = httpx.get(address, headers={"Host": NAME}, timeout=30)
        for name in ("content-security-policy", "etag", "cache-control", "vary"):
            assert page.headers.get(name) == direct.headers.get(name), name
        assert page.headers["strict-transport-security"].startswith("max-age=")
        assert page.text == direct.text
        again = browser.get(f"/c/{HANDLE}/", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304
        packed = browser.get(f"/c/{HANDLE}/", headers={"Accept-Encoding": "br"})
        assert packed.headers["content-encoding"] == "br"
        assert packed.text == direct.text


def test_plain_http_redirects_to_https(front: Front) -> None:
    answer = httpx.get(f"http://127.0.0.1:{front.plain}/c/{HANDLE}/", headers={"Host": NAME})
    assert answer.status_code == 308
    assert answer.headers["location"].startswith(f"https://{NAME}")


def test_token_over_plain_http_is_refused(front: Front) -> None:
    """A redirect would hide from a program that its token went over the network in clear text."""
    for path in ("/api/v1/me", f"/api/v1/channels/{HANDLE}/posts"):
        headers = {"Host": NAME, "Authorization": "Bearer canale_x"}
        answer = httpx.post(f"http://127.0.0.1:{front.plain}{path}", headers=headers, json={})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert "token" in answer.json()["detail"]
        assert "location" not in answer.headers


def test_unknown_host_gets_no_page(front: Front) -> None:
    with front.client() as browser:
        inner = browser._transport
        assert isinstance(inner, Named)
        for path in ("/", f"/c/{HANDLE}/", f"/live/{HANDLE}", "/newsroom/", "/api/v1/me"):
            url = f"https://127.0.0.1:{front.tls}{path}"
            request = httpx.Request(
                "GET", url, headers={"Host": "evil.example"}, extensions={"sni_hostname": NAME}
            )
            assert inner.inner.handle_request(request).status_code == 421
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", front.tls), 10) as line,
        pytest.raises(ssl.SSLError),
    ):
        trust.wrap_socket(line, server_hostname="evil.example")


def test_event_arrives_immediately_and_missed_ones_are_replayed(front: Front) -> None:
    heard: list[tuple[float, str]] = []
    opened = threading.Event()
    done = threading.Event()

    def listen(last: str | None) -> None:
        headers = {"Last-Event-ID": last} if last is not None else {}
        with (
            front.client(http2=True) as browser,
            browser.stream("GET", f"/live/{HANDLE}", headers=headers) as answer,
        ):
            assert answer.status_code == 200
            for line in answer.iter_lines():
                opened.set()
                heard.append((time.monotonic(), line))
                if done.is_set():
                    return

    listener = threading.Thread(target=listen, args=(None,), daemon=True)
    listener.start()
    assert opened.wait(TIMEOUT_SECONDS)
    publish(front, "Al di là del proxy")
    published = time.monotonic()
    found = wait_until(lambda: [at for at, line in heard if "Al di là" in line])
    # The act ends after the commit: the event was on its way before.
    assert found[0] - published < 3
    number = next(line for _, line in heard if line.startswith("id: ")).removeprefix("id: ")
    done.set()
    publish(front, "Mentre la pagina era via")
    listener.join(30)
    heard.clear()
    done.clear()
    again = threading.Thread(target=listen, args=(number,), daemon=True)
    again.start()
    wait_until(lambda: [line for _, line in heard if "Mentre la pagina" in line])
    assert not [line for _, line in heard if "Al di là" in line]
    done.set()
    publish(front, "Fine")
    again.join(30)


def publish(front: Front, headline: str) -> None:
    front.first.inside("publish", ["news", headline, BATCH_ADDRESSES])


def test_each_reader_is_counted_by_its_own_address(front: Front) -> None:
    """A reader that lies about its address wears out its own pace, and nobody else's."""
    wrong = {"Authorization": "Bearer canale_wrong"}

    def guess(browser: httpx.Client, number: int) -> int:
        said = {**wrong, "X-Forwarded-For": f"192.0.2.{number}"}
        return browser.delete("/api/v1/posts/1", headers=said).status_code

    with front.client(source="127.0.0.7") as liar, front.client(source="127.0.0.8") as other:
        statuses = answers_until_refused(lambda number: guess(liar, number), 20, 60)
        assert statuses[:20] == [401] * 20
        assert guess(other, 1) == 401


def posted(
    browser: httpx.Client, path: str, body: dict[str, object], headers: dict[str, str]
) -> httpx.Response:
    """Caddy, on a busy machine, now and then cuts off the answer to a request that has a body, when
    it comes before Caddy has seen that body's end: then it is asked again, as people do."""
    for _ in range(2):
        with contextlib.suppress(httpx.RemoteProtocolError):
            return browser.post(path, json=body, headers=headers)
    return browser.post(path, json=body, headers=headers)


def test_following_works_from_the_page(front: Front) -> None:
    """The page's own origin is https, though canale itself is asked over http."""
    headers = {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
    body: dict[str, object] = {"topics": [], "language": "it"}
    path = f"/api/v1/channels/{HANDLE}/followers"
    with front.client() as browser:
        answer = posted(browser, path, body, headers)
        assert answer.status_code != 403, answer.text
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert posted(browser, path, body, foreign).status_code == 403
        assert browser.get("/newsroom/accounts/login/").status_code == 200


def test_health_is_readable_from_the_machine_only(front: Front) -> None:
    with front.client() as here, front.client(source="127.0.0.9") as elsewhere:
        assert here.get("/readyz").status_code == 200
        for path in ("/readyz", "/healthz", "/metrics"):
            assert elsewhere.get(path).status_code == 403, path


def test_restart_is_invisible_to_readers(front: Front) -> None:
    """The second port answers while the first is restarted: nothing is refused."""
    front.second.start()
    statuses: list[int] = []
    over = threading.Event()

    def read() -> None:
        with front.client(http2=True) as browser:
            while not over.is_set():
                statuses.append(browser.get(f"/c/{HANDLE}/").status_code)
                time.sleep(0.02)

    def some_more_are_read() -> None:
        before = len(statuses)
        wait_until(lambda: len(statuses) >= before + 20)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        front.first.stop()
        some_more_are_read()
        front.first.start()
        some_more_are_read()
        front.second.stop()
        some_more_are_read()
    finally:
        over.set()
        reader.join(60)
    assert set(statuses) == {200}


# Caddy keeps no copies.
@pytest.mark.parametrize("front", ["nginx"], indirect=True)
def test_nginx_caches_style_sheets(front: Front) -> None:
    with front.client() as browser:
        page = browser.get("/not-there").text
        style = next(part.split('"')[0] for part in page.split('href="') if "/public." in part[:60])
        kept = browser.get(style)
        assert kept.status_code == 200
        assert "immutable" in kept.headers["cache-control"]
        front.first.stop()
        try:
            assert browser.get(style).content == kept.content
            assert browser.get(f"/c/{HANDLE}/").status_code == 502
        finally:
            front.first.start()


def test_proxy_logs_name_no_reader_and_no_page(front: Front) -> None:
    with front.client(source="127.0.0.11") as browser:
        browser.get(f"/c/{HANDLE}/p/999999-secret-path")
    with socket.create_connection(
        ("127.0.0.1", front.tls), source_address=("127.0.0.11", 0)
    ) as line:
        line.sendall(b"GET /secret-path HTTP/1.0\r\n\r\n")
        line.recv(100)
    written = [path for path in front.folder.rglob("*.log") if path.is_file()]
    assert written
    for path in written:
        said = path.read_text(errors="replace")
        assert "secret-path" not in said, path
        assert "127.0.0.11" not in said, path


# Every call of the API that takes a body, and one form of the newsroom's.
WITH_A_BODY = [
    *((method, f"/api/v1{address}") for method, address in (
        ("POST", f"/channels/{HANDLE}/followers"), ("POST", f"/channels/{HANDLE}/posts"),
        ("POST", f"/channels/{HANDLE}/invites"), ("PATCH", "/me"), ("DELETE", "/me"),
        ("PUT", "/posts/1/reaction"), ("PATCH", "/posts/1"), ("DELETE", "/posts/1"),
    )),
    ("POST", "/newsroom/accounts/login/"),
]  # fmt: skip


def connections_to(port: int) -> int:
    """Established TCP connections to a port of this machine, by the kernel's own table."""
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def half_request(front: Front, method: str, path: str) -> ssl.SSLSocket:
    trust = ssl.create_default_context(cafile=str(front.folder / "cert.pem"))
    line = socket.create_connection(("127.0.0.1", front.tls), timeout=TIMEOUT_SECONDS)
    tls = trust.wrap_socket(line, server_hostname=NAME)
    head = f"{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\n"
    tls.sendall(f"{head}Content-Length: 2000\r\n\r\n{{".encode())
    return tls


@pytest.mark.parametrize(
    "front", ["nginx", pytest.param("caddy", marks=pytest.mark.long)], indirect=True
)
def test_incomplete_bodies_time_out_behind_the_proxy(front: Front) -> None:
    """nginx keeps them to itself; what Caddy passes on is ended after twenty seconds."""
    ports = (front.first.port, front.second.port)
    before = sum(map(connections_to, ports))
    with contextlib.ExitStack() as lines:
        for method, path in WITH_A_BODY * 3:
            lines.enter_context(half_request(front, method, path))
        if front.name == "caddy":
            wait_until(lambda: sum(map(connections_to, ports)) >= before + len(WITH_A_BODY))
        with front.client() as browser:
            assert browser.get(f"/c/{HANDLE}/").status_code == 200
        wait_until(lambda: sum(map(connections_to, ports)) <= before + 2)
