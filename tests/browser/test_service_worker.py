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
from playwright.sync_api import (
    BrowserContext,
    CDPSession,
    Page,
    Playwright,
    Worker,
    expect,
    sync_playwright,
)

from tests.browser.pages import CHROMIUM, PHONE, City, let_subscribe, needs_chromium, press, state
from tests.standins.push_service import Subscription
from tests.waiting import wait_until

pytestmark = needs_chromium

# Chromium forgets notifications that are asked for while they are being shown.
_COUNT_SHOWN = """() => {
  const show = ServiceWorkerRegistration.prototype.showNotification;
  self.shown = 0;
  ServiceWorkerRegistration.prototype.showNotification = async function (...given) {
    await show.apply(this, given);
    self.shown += 1;
  };
}"""


class Phone:
    """A device with a profile of its own: private windows show no notifications."""

    def __init__(self, context: BrowserContext, city: City) -> None:
        self.context, self.city = context, city
        self.page: Page = context.new_page()
        self._cdp: CDPSession = context.new_cdp_session(self.page)
        self._registration = ""
        self._cdp.on("ServiceWorker.workerRegistrationUpdated", self._note)
        self._cdp.send("ServiceWorker.enable")

    def _note(self, event: dict[str, Any]) -> None:
        for registration in event["registrations"]:
            if registration["scopeURL"] == f"{self.city.site.url}/":
                self._registration = registration["registrationId"]

    def open(self, url: str) -> Page:
        """The page, once the worker rules over it and takes pushes."""
        self.page.goto(url)
        self.page.wait_for_function(
            "() => navigator.serviceWorker.controller?.state === 'activated'"
        )
        if not self.worker.evaluate("'shown' in self"):
            self.worker.evaluate(_COUNT_SHOWN)
        return self.page

    @property
    def worker(self) -> Worker:
        return self.context.service_workers[0]

    def push(self, data: str) -> None:
        """Dispatch a push event, as the browser does when its push service delivers a message."""
        before = self.worker.evaluate("self.shown")
        message = {"origin": self.city.site.url, "registrationId": self._registration}
        self._cdp.send("ServiceWorker.deliverPushMessage", {**message, "data": data})
        wait_until(lambda: self.worker.evaluate("self.shown") > before)

    def notifications(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.page.evaluate(
            "navigator.serviceWorker.ready.then((ready) => ready.getNotifications())"
            ".then((all) => all.map(({title, body, tag, lang, data, silent, renotify, badge}) =>"
            " ({title, body, tag, lang, data, silent, renotify, badge})))"
        )
        return shown

    def press_notification(self) -> None:
        """A press on the newest one. Chromium cannot be made to press: the event is ours."""
        self.worker.evaluate(
            """async () => {
              const all = await self.registration.getNotifications();
              const notification = all.at(-1);
              const event = new NotificationEvent("notificationclick", { notification });
              self.addEventListener("error", (error) => error.preventDefault(), { once: true });
              self.dispatchEvent(event);
            }"""
        )


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def phone(city: City, playwright: Playwright, tmp_path: Path) -> Iterator[Phone]:
    context = playwright.chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--disable-dev-shm-usage"],
        viewport=PHONE,
        locale="it-IT",
        permissions=["notifications"],
    )
    yield Phone(context, city)
    context.close()


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


def test_latest_posts_are_readable_offline_after_one_visit(city: City, phone: Phone) -> None:
    post = city.publish("Da leggere in cantina")
    page = phone.open(city.site.channel)
    phone.context.set_offline(True)
    page.reload()
    expect(page.locator(f"#post-{post}")).to_be_visible()
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 0
    expect(page.locator("html.js")).to_be_attached()
    page.goto(f"{city.site.url}/")
    expect(page.locator(f"#post-{post}")).to_be_visible()


def test_offline_page_catches_up_when_back_online(city: City, phone: Phone) -> None:
    page = phone.open(city.site.channel)
    phone.context.set_offline(True)
    page.reload()
    post = city.publish("Mentre eri in cantina")
    phone.context.set_offline(False)
    expect(page.locator(f"#post-{post}")).to_have_count(1)


def test_unvisited_page_says_that_there_is_no_network(city: City, phone: Phone) -> None:
    page = phone.open(city.site.channel)
    phone.context.set_offline(True)
    page.goto(f"{city.site.url}/privacy")
    expect(page.locator("h1")).to_have_text("Non c’è connessione")


def test_withdrawn_post_is_removed_from_the_offline_page(city: City, phone: Phone) -> None:
    post = city.publish("Per poco")
    page = phone.open(city.site.channel)
    page.goto(f"{city.site.channel}p/{post}")
    city.withdraw(post)
    # The pages that are kept in memory hear of it in their turn.
    wait_until(lambda: httpx.get(page.url).status_code == 410)
    answer = page.reload()
    assert answer is not None
    assert answer.status == 410
    phone.context.set_offline(True)
    page.reload()
    expect(page.locator("h1")).to_have_text("Non c’è connessione")


def test_image_is_available_offline_until_it_is_withdrawn(city: City, phone: Phone) -> None:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "#0066cc").save(out, "PNG")
    picture = {"data": base64.b64encode(out.getvalue()).decode(), "alt": "Un quadrato blu"}
    post = city.publish("Con foto", images=[picture])
    page = phone.open(city.site.channel)
    address = str(page.locator(f"#post-{post} img").evaluate("(image) => image.src"))
    page.goto(address)
    page.wait_for_function("(url) => caches.match(url).then(Boolean)", arg=address)
    phone.context.set_offline(True)
    shown = "(url) => fetch(url).then((answer) => answer.status)"
    assert page.evaluate(shown, address) == 200
    phone.context.set_offline(False)
    city.withdraw(post)
    wait_until(lambda: httpx.get(address).status_code == 410)
    assert page.evaluate(shown, address) == 410
    page.wait_for_function("(url) => caches.match(url).then((kept) => !kept)", arg=address)


def test_newsroom_and_api_are_never_cached(city: City, phone: Phone) -> None:
    page = phone.open(city.site.channel)
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


def test_new_build_keeps_only_assets_that_cached_pages_need(city: City, phone: Phone) -> None:
    page = phone.open(city.site.channel)
    page.evaluate(
        "Promise.all(['canale-parts-a', 'canale-parts-b'].map((name) => caches.open(name)))"
    )
    # The same worker installs again, as after a new build.
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.unregister())")
    page.goto("about:blank")
    phone.open(city.site.channel)
    parts = [name for name in page.evaluate("caches.keys()") if name.startswith("canale-parts-")]
    assert "canale-parts-a" not in parts
    assert len(parts) == 2
