# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newsroom as an editor's browser uses it, without the browser: pages, forms, redirects."""

from __future__ import annotations

import re

import httpx

from tests.site import ADMIN, HANDLE, PASSWORD, Site

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_SEEN = re.compile(r'name="seen" value="(\w+)"')


class Newsroom:
    """One signed-in person."""

    def __init__(self, site: Site, email: str = ADMIN, password: str = PASSWORD) -> None:
        self.browser = httpx.Client(base_url=site.url, follow_redirects=True, timeout=30)
        self.home = f"/newsroom/c/{HANDLE}/"
        answer = self.send("/newsroom/accounts/login/", login=email, password=password)
        assert answer.status_code == 200, answer.text
        assert answer.url.path != "/newsroom/accounts/login/", answer.text

    def send(
        self, path: str, files: dict[str, tuple[str, bytes]] | None = None, **fields: str
    ) -> httpx.Response:
        """Open a page, fill its form, send it."""
        page = self.browser.get(path)
        token = _TOKEN.search(page.text)
        assert token, page.text
        data = {"csrfmiddlewaretoken": token[1], **fields}
        return self.browser.post(path, data=data, files=files or {})

    def write(self, files: dict[str, tuple[str, bytes]] | None = None, **fields: str) -> int:
        """Save a draft; its number."""
        words = {"kind": "news", "headline": "Titolo", "text": "Testo", **fields}
        answer = self.send(f"{self.home}posts/new/", files, save="1", **words)
        assert answer.status_code == 200, answer.text
        return int(answer.url.path.rstrip("/").rsplit("/", 1)[1])

    def publish(self, number: int) -> httpx.Response:
        path = f"{self.home}posts/{number}/publish/"
        found = _SEEN.search(self.browser.get(path).text)
        return self.send(path, seen=found[1] if found else "")
