# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The preview of a link on a running site: fetched by a worker, served by the site itself."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import httpx
import pytest

from tests.pictures import photo, saved
from tests.site import HANDLE, Site, new_site
from tests.standins.http11 import Http11Server, LoopThread, Reply, Request
from tests.standins.push_service import PushService
from tests.waiting import wait_until

pytestmark = pytest.mark.postgres

PAGE = b"<title>Le mostre del museo</title><meta property='og:image' content='/foto'>"
CARD = re.compile(
    r'class="preview" href="([^"]+)".*?class="preview-title"[^>]*>([^<]*)<', re.DOTALL
)


class Museum:
    """A website. Nothing answers at ``/hanging``."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, request: Request) -> Reply | None:
        self.paths.append(request.path)
        match request.path:
            case "/mostre":
                return Reply(200, {"Content-Type": "text/html"}, PAGE)
            case "/foto":
                return Reply(200, {}, saved(photo().resize((640, 400)), "PNG"))
            case "/hanging":
                await asyncio.Event().wait()
        return None


def page(site: Site) -> str:
    return httpx.get(f"{site.url}/c/{HANDLE}/").text


def previews(site: Site) -> list[tuple[str, str]]:
    return CARD.findall(page(site))


def change(site: Site, token: str, method: str, post: object, body: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.request(method, f"{site.api}/posts/{post}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


def test_preview_comes_with_a_worker_and_goes_with_the_post(tmp_path: Path) -> None:
    museum, thread = Museum(), LoopThread()
    thread.start()
    server = Http11Server(museum)
    origin = f"http://127.0.0.1:{thread.run(server.listen('127.0.0.1', 0))}"
    with PushService() as push:
        origins = {"CANALE_PREVIEW_ORIGINS": origin, "CANALE_PUSH_ORIGINS": push.origin}
        with new_site(tmp_path, CANALE_WORKERS="1", **origins) as site:
            token = site.token()
            # A site that does not answer keeps the worker from no notification.
            site.post(token, headline="Lenta", text=f"{origin}/hanging")
            wait_until(lambda: museum.paths)
            site.inside("follow", push.subscribe(20))
            begun = time.monotonic()
            post = site.post(token, headline="Mostra", text=f"Vedi {origin}/mostre.")["id"]
            push.wait_for(20)
            assert time.monotonic() - begun < 5
            wait_until(lambda: previews(site), seconds=60)
            assert previews(site) == [(f"{origin}/mostre", "Le mostre del museo")]
            picture = re.search(r'src="(/c/\w+/preview/[^"]+)"', page(site))
            assert picture
            answer = httpx.get(f"{site.url}{picture[1]}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
            change(site, token, "PATCH", post, {"headline": "Mostre", "note": "Titolo"})
            wait_until(lambda: "Mostre" in page(site))
            assert len(previews(site)) == 1
            assert museum.paths.count("/mostre") == museum.paths.count("/foto") == 1
            change(site, token, "DELETE", post, {"reason": "Errore"})
            wait_until(lambda: not previews(site))
            assert httpx.get(f"{site.url}{picture[1]}").status_code == 404
            assert "Traceback" not in site.log()
    thread.run(server.close())
    thread.stop()
