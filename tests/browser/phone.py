# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A device with the page's service worker."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Page, Worker

from tests.browser.pages import City
from tests.waiting import wait_until

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
    """It shows notifications if its context has a profile of its own: private windows do not."""

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
