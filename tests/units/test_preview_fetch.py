# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fetching a link's preview from a site that may be hostile."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from PIL import Image

from canale.net.http import GuardedClient
from canale.previews import fetch
from canale.previews.fetch import Fetcher, Found, NoPreviewError
from tests.pictures import RGB, photo, png, saved
from tests.standins.http11 import Http11Server, Reply, Request

T = TypeVar("T")

HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = """<!doctype html><html><head><title>Vecchio</title>
<meta property="og:title" content="Orari &amp; sedi"><meta name="description" content="Aperti">
{}</head><body><p>Testo</p></body></html>"""
Answers = Mapping[str, Reply]


def run(flow: Any) -> Any:
    return asyncio.run(asyncio.wait_for(flow, 60))


def page(head: str = "") -> Reply:
    return Reply(200, HTML, PAGE.format(head).encode())


@asynccontextmanager
async def site(
    answers: Answers, seen: list[Request] | None = None, **options: Any
) -> AsyncIterator[tuple[Fetcher, str]]:
    """A fetcher, and the origin of a site that it trusts with these answers."""

    async def handler(request: Request) -> Reply:
        if seen is not None:
            seen.append(request)
        return answers.get(request.path, Reply(404))

    server = Http11Server(handler)
    origin = f"http://127.0.0.1:{await server.listen('127.0.0.1', 0)}"
    client = GuardedClient([origin], **options)
    try:
        yield Fetcher(client, [origin]), origin
    finally:
        await client.close()
        await server.close()


def fetched(answers: Answers, seen: list[Request] | None = None, **options: Any) -> Found:
    async def flow() -> Found:
        async with site(answers, seen, **options) as (fetcher, origin):
            return await fetcher.fetch(f"{origin}/a")

    found: Found = run(flow())
    return found


def refusal(answers: Answers, **options: Any) -> NoPreviewError:
    with pytest.raises(NoPreviewError) as caught:
        fetched(answers, **options)
    return caught.value


def test_preview_has_the_words_of_the_page_and_its_picture_encoded_again() -> None:
    seen: list[Request] = []
    exif = Image.Exif()
    exif[0x010E] = "Segreto"
    picture = saved(photo().resize((900, 500)), "JPEG", exif=exif)
    answers = {
        "/a": page('<meta property="og:image" content="/foto.jpg">'),
        "/foto.jpg": Reply(200, {}, picture),
    }
    found = fetched(answers, seen)
    assert (found.title, found.description) == ("Orari & sedi", "Aperti")
    assert found.picture is not None
    assert b"Segreto" not in found.picture
    with Image.open(io.BytesIO(found.picture)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (288, 288))
    assert [request.path for request in seen] == ["/a", "/foto.jpg"]
    for request in seen:
        assert request.headers["user-agent"] == "canale link preview (+http://localhost:8000)"
        assert not {"cookie", "referer", "authorization"} & request.headers.keys()


def test_redirects_are_followed_three_times() -> None:
    hops = {
        f"/{a}": Reply(301 + n, {"Location": f"/{b}"})
        for n, (a, b) in enumerate(["ab", "bc", "cd"])
    }
    assert fetched({**hops, "/d": page()}).title == "Orari & sedi"
    seen: list[Request] = []
    with pytest.raises(NoPreviewError, match="too many redirects"):
        fetched({"/a": Reply(302, {"Location": "/a"})}, seen)
    assert len(seen) == 4


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "http://127.1/", "http://0/"),
        *("http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"),
        *("http://169.254.169.254/latest/meta-data/", "http://localhost/", "http://[::1%25lo]/"),
        *("http://inside.example:{port}/", "https://inside.example:8443/", "https://u:p@a.example/"),
        *("https://u@a.example/", "file:///etc/passwd", "gopher://a.example/", "//127.0.0.1/"),
        *("https:///a", "http://[", "https://a.example:x/", "https://inside.example/"),
        *("http://inside.example/", "https://INSIDE.example./", "https://xn--a.example/"),
    ],
)  # fmt: skip
def test_neither_redirect_nor_picture_reaches_a_private_address(location: str) -> None:
    connections = 0

    async def inside(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"]

    async def flow() -> None:
        server = await asyncio.start_server(inside, "127.0.0.1", 0)
        target = location.format(port=server.sockets[0].getsockname()[1])
        answers = {
            "/a": Reply(302, {"Location": target}),
            "/b": page(f'<meta property="og:image" content="{target}">'),
        }
        async with site(answers, resolver=resolver) as (fetcher, origin):
            with pytest.raises(NoPreviewError) as caught:
                await fetcher.fetch(f"{origin}/a")
            assert not caught.value.may_retry
            with pytest.raises(NoPreviewError):
                await fetcher.fetch(target)
            assert (await fetcher.fetch(f"{origin}/b")).picture is None
        server.close()

    run(flow())
    assert connections == 0


@dataclass
class Answer:
    """A response of a far end."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


class FarEnds:
    """Sites by address, in the place of the client that calls them."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.urls: list[str] = []

    async def request(self, method: str, url: str, *_: object, **_more: object) -> Answer:
        self.urls.append(url)
        return self.answers[url]


def far_ends(link: str, answers: Mapping[str, Answer]) -> list[str]:
    """Return the addresses that are called."""
    ends = FarEnds(answers)
    fetcher = Fetcher(ends, ["http://inside.example:8080", "https://www.city.example"])  # type: ignore[arg-type]
    with suppress(NoPreviewError):
        run(fetcher.fetch(link))
    return ends.urls


@pytest.mark.parametrize(
    "inside", ["http://inside.example:8080/delete?all", "https://www.city.example/"]
)
def test_only_the_link_itself_leads_to_a_site_inside_the_network(inside: str) -> None:
    away = Answer(302, {"location": inside}, b"")
    html = Answer(200, {"content-type": "text/html"}, b"<title>Home</title>")
    assert far_ends("https://evil.example/", {"https://evil.example/": away, inside: html}) == [
        "https://evil.example/"
    ]
    assert far_ends(inside, {inside: html}) == [inside]


@pytest.mark.parametrize(
    ("link", "called"),
    [
        ("http://Comune.Example", "https://comune.example/"),
        ("https://www.forlì.example/è vero?a=è#b", "https://www.xn--forl-tpa.example/%C3%A8%20vero?a=%C3%A8"),
        ("http://a.example:80/x%20y", "https://a.example/x%20y"),
        ("https://a.example:443/\\..", "https://a.example/%5C.."),
    ],
)  # fmt: skip
def test_link_is_called_by_https_in_ascii(link: str, called: str) -> None:
    assert far_ends(link, {called: Answer(404, {}, b"")}) == [called]


BOMB = gzip.compress(b"<title>" + b"a" * 50_000_000)


@pytest.mark.parametrize(
    ("reply", "reason", "may_retry"),
    [
        (Reply(200, {**HTML, "Content-Encoding": "gzip"}, BOMB), "compressed", False),
        (Reply(200, HTML, BOMB), "no title", False),
        (Reply(200, {"Content-Type": "application/pdf"}, b"%PDF"), "not a web page", False),
        (Reply(200, {}, PAGE.encode()), "not a web page", False),
        (Reply(200, HTML, b""), "no title", False),
        (Reply(404, HTML, PAGE.encode()), "404", False),
        (Reply(302, HTML, PAGE.encode()), "302", False),
        (Reply(503), "503", True),
        (Reply(429), "429", True),
    ],
)
def test_answer_without_a_page_gives_no_preview(reply: Reply, reason: str, may_retry: bool) -> None:
    error = refusal({"/a": reply})
    assert reason in str(error)
    assert error.may_retry is may_retry


def test_only_the_beginning_of_a_long_page_is_read() -> None:
    long = PAGE.format("").encode() + b"<p>" * 2_000_000
    assert fetched({"/a": Reply(200, HTML, long)}).title == "Orari & sedi"
    late = b"<!--" + b"-" * fetch.PAGE_BYTES + b"-->" + PAGE.format("").encode()
    assert "no title" in str(refusal({"/a": Reply(200, HTML, late)}))


@pytest.mark.parametrize("before_body", [True, False])
def test_slow_page_ends_with_the_time_out(before_body: bool) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Slow: "
        writer.write(head if before_body else head + b"\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.05)

    async def flow() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = GuardedClient([origin], total_timeout=timedelta(seconds=0.5))
        async with asyncio.timeout(5):
            with pytest.raises(NoPreviewError) as caught:
                await Fetcher(client, [origin]).fetch(f"{origin}/a")
        assert caught.value.may_retry
        await client.close()
        server.close()

    run(flow())


def test_slow_redirects_end_with_the_limit_of_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 0.3)

    class Slow(FarEnds):
        async def request(self, method: str, url: str, *_: object, **_more: object) -> Answer:
            await asyncio.sleep(0.2)
            return Answer(302, {"location": f"{url}a"}, b"")

    with pytest.raises(NoPreviewError, match="in time"):
        run(Fetcher(Slow({}), []).fetch("https://a.example/"))  # type: ignore[arg-type]


@pytest.mark.parametrize("slow_redirects", [1, 3])
def test_slow_redirects_of_the_picture_leave_the_words(
    monkeypatch: pytest.MonkeyPatch, slow_redirects: int
) -> None:
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 2.0)
    html = page('<meta property="og:image" content="/0">').body

    class Slow(FarEnds):
        async def request(self, method: str, url: str, *_: object, **_more: object) -> Answer:
            if url == "https://a.example/":
                return Answer(200, {"content-type": "text/html"}, html)
            await asyncio.sleep(5.0 / slow_redirects)
            return Answer(302, {"location": f"{url}0"}, b"")

    found = run(Fetcher(Slow({}), []).fetch("https://a.example/"))  # type: ignore[arg-type]
    assert (found.title, found.picture) == ("Orari & sedi", None)


PICTURES: dict[str, Callable[[], Reply]] = {
    "html": page,
    "svg": lambda: Reply(200, {"Content-Type": "image/svg+xml"}, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "bomb": lambda: Reply(200, {}, png(1, 0, size=(8_000, 8_000), rows=[bytes(1_000)] * 8_000)),
    "counter": lambda: Reply(200, {}, png(8, RGB, size=(1, 1))),
    "too heavy": lambda: Reply(200, {}, png(8, RGB) + b"x" * fetch.PICTURE_BYTES),
    "missing": lambda: Reply(404),
    "failing": lambda: Reply(500),
}  # fmt: skip


@pytest.mark.parametrize("kind", PICTURES)
def test_picture_that_cannot_be_used_leaves_the_words(kind: str) -> None:
    answers = {"/a": page('<meta property="og:image" content="/x">'), "/x": PICTURES[kind]()}
    found = fetched(answers)
    assert (found.title, found.picture) == ("Orari & sedi", None)
