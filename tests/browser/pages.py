# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The citizen's pages as a test sees them, in Debian's Chromium."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.site import HANDLE, Site, new_site
from tests.standins.push_service import PushService, Subscription

CHROMIUM = shutil.which("chromium")
# The same engine without Chromium's own windows: opening a page takes a third of the processor
# time. It shows no notifications and reads no preferences.
HEADLESS_SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed"
    ),
]

# The only far end of the page: the browser's own push service. Like the real one it remembers
# the subscription when the page is loaded again.
_SUBSCRIBER = """
(given) => {
  const name = "test-subscribed";
  const subscription = {
    endpoint: given.endpoint,
    options: { applicationServerKey: null },
    toJSON: () => given,
    unsubscribe: async () => { localStorage.removeItem(name); return true; },
  };
  PushManager.prototype.subscribe = async function (options) {
    localStorage.setItem(name, options.applicationServerKey);
    return subscription;
  };
  PushManager.prototype.getSubscription = async () =>
    localStorage.getItem(name) ? subscription : null;
  Object.defineProperty(Notification, "permission", { get: () => "granted" });
  Notification.requestPermission = async () => "granted";
}
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=HEADLESS_SHELL, args=CHROMIUM_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class City:
    """A site with its push service, and the token of its editor."""

    site: Site
    push: PushService
    token: str

    def publish(self, headline: str, **wording: object) -> int:
        return int(str(self.site.post(self.token, headline=headline, **wording)["id"]))

    def correct(self, post: int, **wording: object) -> None:
        self._change("PATCH", post, {"note": "Corretto", **wording})

    def withdraw(self, post: int) -> None:
        self._change("DELETE", post, {"reason": "Era un errore"})

    def _change(self, method: str, post: int, body: dict[str, object]) -> None:
        answer = httpx.request(
            method,
            f"{self.site.api}/posts/{post}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text

    def followers(self) -> int:
        answer = httpx.get(f"{self.site.api}/channels/{HANDLE}").json()
        return int(answer["followers"])

    def subscription(self) -> Subscription:
        key = httpx.get(f"{self.site.api}/channels/{HANDLE}").json()["vapid_public_key"]
        return self.push.subscribe(1, vapid_key=key)[0]


@contextmanager
def new_city(folder: Any) -> Iterator[City]:
    """A running site whose push service is a stand-in."""
    with (
        PushService() as push,
        new_site(folder, CANALE_PUSH_ORIGINS=push.origin) as site,
    ):
        site.inside("topics", ["Scuola", "Viabilità"])
        yield City(site, push, site.token())


def let_subscribe(context: BrowserContext, subscription: Subscription) -> None:
    """Pages of this device can subscribe, and the citizen says yes."""
    context.add_init_script(f"({_SUBSCRIBER})({json.dumps(subscription)})")


def open_page(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    return page


def open_live_page(context: BrowserContext, url: str) -> Page:
    """Open a page and wait until its stream is open, in this tab or through another one."""
    page = open_page(context, url)
    page.wait_for_selector("html[data-live=open]")
    return page


@contextmanager
def answered(page: Page, part: str, status: int, body: str) -> Iterator[None]:
    """Answer the page's scripts when they request a URL that contains ``part``. Playwright's
    `route` misses calls of a page that a service worker has just taken over."""
    page.evaluate(
        """([part, status, body]) => {
          window.realFetch = window.fetch;
          window.fetch = (url, options) => String(url).includes(part)
            ? Promise.resolve(new Response(body, { status })) : window.realFetch(url, options);
        }""",
        [part, status, body],
    )
    yield
    page.evaluate("window.fetch = window.realFetch")


def article(page: Page, post: int) -> Locator:
    return page.locator(f"#post-{post}")


def state(page: Page, name: str) -> None:
    """Wait until *Iscriviti* has come to a state, as people see it."""
    expect(page.locator("#follow")).to_have_attribute("data-state", name)


def press(page: Page, action: str) -> None:
    page.locator(f"#follow-state [data-action={action}]").first.click()


def open_settings(page: Page) -> None:
    button = page.locator("#follow-state [data-action=settings]")
    if button.get_attribute("aria-expanded") == "false":
        button.click()


def react(post: Locator, emoji: str = "👍") -> Locator:
    """Press an emoji; one that nobody has chosen yet is behind the button for others."""
    button = post.locator(f".reaction[data-emoji='{emoji}']")
    if not button.is_visible():
        post.locator("[data-more-reactions]").click()
    button.click()
    return button


def picture(colour: str = "#0066cc", *, width: int = 640, height: int = 400) -> str:
    """A PNG in base64, as the API takes it."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
