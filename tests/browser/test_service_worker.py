# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The service worker of a phone: it shows pushes, opens posts, keeps pages for offline."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser.pages import (
    CHROMIUM,
    CHROMIUM_OPTIONS,
    HEADLESS_SHELL,
    PHONE,
    City,
    let_subscribe,
    needs_chromium,
    press,
    state,
)
from tests.browser.phone import Phone
from tests.standins.push_service import Subscription
from tests.waiting import wait_until

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def phone(city: City, playwright: Playwright, tmp_path: Path) -> Iterator[Phone]:
    context = playwright.chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=CHROMIUM,
        args=CHROMIUM_OPTIONS,
        viewport=PHONE,
        locale="it-IT",
        permissions=["notifications"],
    )
    yield Phone(context, city)
    context.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with playwright.chromium.launch(
        executable_path=HEADLESS_SHELL, args=CHROMIUM_OPTIONS
    ) as running:
        yield running


@pytest.fixture
def reader(city: City, browser: Browser) -> Iterator[Phone]:
    """A device that shows no notifications, which takes half of the time."""
    with browser.new_context(viewport=PHONE, locale="it-IT") as context:
        yield Phone(context, city)


@pytest.fixture
def subscription(city: City, phone: Phone) -> Subscription:
    """The subscription of a phone that follows."""
    given = city.subscription()
    let_subscribe(phone.context, given)
    page = phone.open(city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    return given


def pushed(city: City, subscription: Subscription, title: str) -> dict[str, Any]:
    """Return the message that our server sent to the phone, as its browser decrypts it."""

    def found() -> list[dict[str, Any]]:
        return [
            message.payload
            for message in list(city.push.received)
            if message.endpoint == subscription["endpoint"]
            and title in message.payload["notification"]["title"]
        ]

    return wait_until(found)[-1]


# Pushes


def test_a_published_post_becomes_a_notification_that_opens_it(
    city: City, phone: Phone, subscription: Subscription
) -> None:
    post = city.publish("Neve domani", text="Scuole chiuse")
    sent = pushed(city, subscription, "Neve domani")
    phone.push(json.dumps(sent))
    shown = phone.notifications()
    assert len(shown) == 1
    assert shown[0]["title"] == sent["notification"]["title"]
    assert shown[0]["tag"] == sent["notification"]["tag"]
    assert shown[0]["lang"] == "it"
    assert shown[0]["data"]["navigate"] == f"{city.site.channel}p/{post}"
    assert shown[0]["badge"].startswith(f"{city.site.url}/badge.png")
    page = phone.page
    phone.press_notification()
    page.wait_for_url(f"{city.site.channel}p/{post}")
    assert phone.notifications() == []
    expect(page.locator(f"#post-{post} h3")).to_have_text("Neve domani")
    # Back, and the page's own arrow, lead to the channel.
    page.go_back()
    page.wait_for_url(city.site.channel)
    page.go_forward()
    page.locator("a:has([href='#icon-back'])").first.click()
    page.wait_for_url(city.site.channel)
    expect(page.locator(f"#post-{post}")).to_be_visible()


def test_notification_opens_its_post_when_no_page_is_open(
    city: City, phone: Phone, subscription: Subscription
) -> None:
    post = city.publish("Dal blocco schermo")
    phone.push(json.dumps(pushed(city, subscription, "Dal blocco schermo")))
    # Chromium lets a worker open a window only after a real press: what it asks for is enough.
    phone.worker.evaluate(
        """() => {
          Clients.prototype.matchAll = async () => [];
          Clients.prototype.openWindow = async (url) => { self.opened = url; };
        }"""
    )
    phone.press_notification()
    assert wait_until(lambda: phone.worker.evaluate("self.opened")) == (
        f"{city.site.channel}p/{post}"
    )


def test_correction_replaces_the_notification_of_its_post(
    city: City, phone: Phone, subscription: Subscription
) -> None:
    city.publish("Allerta vento", kind="alert")
    sent = pushed(city, subscription, "Allerta vento")
    phone.push(json.dumps(sent))
    sent["notification"]["body"] = "Dalle 18"
    phone.push(json.dumps(sent))
    shown = phone.notifications()
    assert [(one["body"], one["renotify"]) for one in shown] == [("Dalle 18", True)]


def test_unreadable_push_shows_a_notification_too(city: City, phone: Phone) -> None:
    phone.open(city.site.channel)
    for data in ("", "no JSON", "[]", "{}", '{"web_push": 8030}', "null"):
        phone.push(data)
        shown = [one["data"] for one in phone.notifications()]
        assert shown == [{"navigate": "/"}] * len(shown) != [], data


def test_notification_is_shown_without_options_that_the_browser_refuses(
    city: City, phone: Phone
) -> None:
    phone.open(city.site.channel)
    # `renotify` without `tag` is an error.
    notification = {"title": "Prova", "body": "Testo", "navigate": "/privacy", "renotify": True}
    phone.push(json.dumps({"web_push": 8030, "notification": notification}))
    shown = phone.notifications()[0]
    assert (shown["title"], shown["body"]) == ("Prova", "Testo")


def test_notification_never_opens_another_site_or_replaces_the_newsroom(
    city: City, phone: Phone
) -> None:
    page = phone.open(city.site.channel)
    for address in ("https://evil.example/", "javascript:alert(1)"):
        notification = {"title": "Prova", "navigate": address, "tag": address}
        phone.push(json.dumps({"web_push": 8030, "notification": notification}))
        phone.press_notification()
        wait_until(lambda: not phone.notifications())
    assert page.url == city.site.channel
    page.goto(f"{city.site.url}/newsroom/")
    there = page.url
    notification = {"title": "Prova", "navigate": f"{city.site.url}/privacy"}
    phone.push(json.dumps({"web_push": 8030, "notification": notification}))
    phone.press_notification()
    wait_until(lambda: not phone.notifications())
    page.wait_for_timeout(300)
    assert page.url == there


def test_renewed_subscription_reaches_the_server(
    city: City, phone: Phone, subscription: Subscription
) -> None:
    fresh = city.subscription()
    phone.worker.evaluate(
        """(given) => new Promise((told) => {
          PushManager.prototype.subscribe = async () => ({ toJSON: () => given });
          const ask = self.fetch;
          self.fetch = async (address, options) => {
            const answer = await ask(address, options);
            if (String(address).endsWith("/followers")) told();
            return answer;
          };
          self.addEventListener("error", (error) => error.preventDefault(), { once: true });
          self.dispatchEvent(new ExtendableEvent("pushsubscriptionchange"));
        })""",
        fresh,
    )
    city.publish("Al nuovo indirizzo")
    assert pushed(city, fresh, "Al nuovo indirizzo")
    assert subscription["endpoint"] != fresh["endpoint"]


def test_renewed_subscription_with_a_dead_address_is_unsubscribed(
    city: City, phone: Phone, subscription: Subscription
) -> None:
    fresh = city.subscription()
    dead = {**fresh, "endpoint": "https://permanently-removed.invalid/fcm/send/x"}
    phone.worker.evaluate(
        """([dead, fresh]) => new Promise((told) => {
          let given = dead;
          PushManager.prototype.subscribe = async () => ({
            toJSON: () => given, unsubscribe: async () => { given = fresh; return true; },
          });
          const ask = self.fetch;
          self.fetch = async (address, options) => {
            const answer = await ask(address, options);
            if (String(address).endsWith("/followers") && answer.ok) told();
            return answer;
          };
          self.addEventListener("error", (error) => error.preventDefault(), { once: true });
          self.dispatchEvent(new ExtendableEvent("pushsubscriptionchange"));
        })""",
        [dead, fresh],
    )
    city.publish("Dopo un indirizzo morto")
    assert pushed(city, fresh, "Dopo un indirizzo morto")


# Offline


def test_latest_posts_are_readable_offline_after_one_visit(city: City, reader: Phone) -> None:
    post = city.publish("Da leggere in cantina")
    page = reader.open(city.site.channel)
    reader.context.set_offline(True)
    page.reload()
    expect(page.locator(f"#post-{post}")).to_be_visible()
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 0
    expect(page.locator("html.js")).to_be_attached()
    page.goto(f"{city.site.url}/")
    expect(page.locator(f"#post-{post}")).to_be_visible()


def test_offline_page_catches_up_when_back_online(city: City, reader: Phone) -> None:
    page = reader.open(city.site.channel)
    reader.context.set_offline(True)
    page.reload()
    post = city.publish("Mentre eri in cantina")
    reader.context.set_offline(False)
    expect(page.locator(f"#post-{post}")).to_have_count(1)


def test_unvisited_page_says_that_there_is_no_network(city: City, reader: Phone) -> None:
    page = reader.open(city.site.channel)
    reader.context.set_offline(True)
    page.goto(f"{city.site.url}/privacy")
    expect(page.locator("h1")).to_have_text("Non c’è connessione")


def test_withdrawn_post_is_removed_from_the_offline_page(city: City, reader: Phone) -> None:
    post = city.publish("Per poco")
    page = reader.open(city.site.channel)
    page.goto(f"{city.site.channel}p/{post}")
    city.withdraw(post)
    # The pages that are kept in memory hear of it in their turn.
    wait_until(lambda: httpx.get(page.url).status_code == 410)
    answer = page.reload()
    assert answer is not None
    assert answer.status == 410
    reader.context.set_offline(True)
    page.reload()
    expect(page.locator("h1")).to_have_text("Non c’è connessione")


def test_image_is_available_offline_until_it_is_withdrawn(city: City, reader: Phone) -> None:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "#0066cc").save(out, "PNG")
    picture = {"data": base64.b64encode(out.getvalue()).decode(), "alt": "Un quadrato blu"}
    post = city.publish("Con foto", images=[picture])
    page = reader.open(city.site.channel)
    address = str(page.locator(f"#post-{post} img").evaluate("(image) => image.src"))
    page.goto(address)
    page.wait_for_function("(url) => caches.match(url).then(Boolean)", arg=address)
    reader.context.set_offline(True)
    shown = "(url) => fetch(url).then((answer) => answer.status)"
    assert page.evaluate(shown, address) == 200
    reader.context.set_offline(False)
    city.withdraw(post)
    wait_until(lambda: httpx.get(address).status_code == 410)
    assert page.evaluate(shown, address) == 410
    page.wait_for_function("(url) => caches.match(url).then((kept) => !kept)", arg=address)


def test_newsroom_and_api_are_never_cached(city: City, reader: Phone) -> None:
    page = reader.open(city.site.channel)
    page.goto(f"{city.site.url}/newsroom/")
    page.evaluate("fetch('/api/v1/me').then((answer) => answer.text())")
    page.goto(city.site.channel)
    kept: list[str] = page.evaluate(
        """async () => {
          const urls = [];
          for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys()) urls.push(request.url);
          return urls;
        }"""
    )
    assert f"{city.site.channel}" in kept
    private = re.compile(r"//[^/]+/(newsroom|api|live)/")
    assert [url for url in kept if private.search(url)] == []


def test_new_build_keeps_only_assets_that_cached_pages_need(city: City, reader: Phone) -> None:
    page = reader.open(city.site.channel)
    page.evaluate(
        "Promise.all(['canale-parts-a', 'canale-parts-b'].map((name) => caches.open(name)))"
    )
    # The same worker installs again, as after a new build.
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.unregister())")
    page.goto("about:blank")
    reader.open(city.site.channel)
    parts = [name for name in page.evaluate("caches.keys()") if name.startswith("canale-parts-")]
    assert "canale-parts-a" not in parts
    assert len(parts) == 2
