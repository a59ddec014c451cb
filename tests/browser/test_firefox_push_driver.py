# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real Firefox subscribes, receives what our transport sends, and shows it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from canale.delivery.transports.base import Outcome, Recipient, Result
from canale.delivery.transports.webpush.message import Message
from canale.delivery.transports.webpush.transport import WebPushTransport
from canale.delivery.transports.webpush.vapid import VapidKey
from tests.browser.firefox import PROGRAM, Firefox
from tests.standins.firefox_push import DELIVERED, FirefoxPush
from tests.standins.http11 import Http11Server, LoopThread, Reply, Request

pytestmark = [
    pytest.mark.long,  # test_firefox_follows uses the driver each time
    pytest.mark.browser,
    pytest.mark.skipif(
        PROGRAM is None and not os.environ.get("CI"), reason="Firefox is not installed"
    ),
]

KEY = VapidKey.from_secret(b"f" * 32)

PAGE = """<!doctype html><html lang="it"><title>Prova</title><button id="follow">Iscriviti</button>
<input id="name">
<script>
document.getElementById("follow").addEventListener("click", async () => {
  await navigator.serviceWorker.register("/sw.js");
  const registration = await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.subscribe(
    {userVisibleOnly: true, applicationServerKey: "%s"});
  window.subscription = subscription.toJSON();
});
</script></html>"""

WORKER = """
self.addEventListener("push", event => {
  const {title, ...options} = event.data.json().notification;
  options.data.navigate = options.navigate;
  event.waitUntil(self.registration.showNotification(title, options));
});
self.addEventListener("notificationclick", event => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.navigate));
});
"""

MESSAGE = Message(
    post_id=7,
    channel_handle="cremona",
    kind="alert",
    title="Piena del Po: perché è così alta",
    body="Non scendere in golena.",
    url="http://localhost/c/cremona/p/7",
    icon=None,
    image=None,
    language="it",
    tag="post-7",
    silent=False,
    ttl=3600,
    urgency="high",
    sent_at=datetime(2026, 11, 24, 3, 0, tzinfo=UTC),
)


@dataclass
class Stage:
    """A browser on a page, and the push service behind it."""

    browser: Firefox
    push: FirefoxPush
    url: str

    def subscribe(self) -> dict[str, Any]:
        self.browser.open(self.url)
        self.browser.click("#follow")
        subscription: dict[str, Any] = self.browser.wait_for("window.subscription")
        return subscription

    def send(self, message: Message, subscription: dict[str, Any]) -> Result:
        async def once() -> Result:
            transport = WebPushTransport(KEY, "mailto:urp@comune.example", [self.push.origin])
            try:
                return await transport.send(message, Recipient(1, "it", subscription))
            finally:
                await transport.close()

        return asyncio.run(once())


async def site(request: Request) -> Reply:
    if request.path == "/sw.js":
        return Reply(200, {"Content-Type": "text/javascript"}, WORKER.encode())
    return Reply(200, {"Content-Type": "text/html"}, (PAGE % KEY.public_key).encode())


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    thread = LoopThread()
    thread.start()
    server = Http11Server(site)
    port = thread.run(server.listen("127.0.0.1", 0))
    with FirefoxPush() as push, Firefox(push.prefs) as browser:
        yield Stage(browser, push, f"http://localhost:{port}/")
    thread.run(server.close())
    thread.stop()


def test_a_message_is_decrypted_and_shown(stage: Stage) -> None:
    subscription = stage.subscribe()
    result = stage.send(MESSAGE, subscription)
    assert result.outcome is Outcome.ACCEPTED
    assert [ack.code for ack in stage.push.wait_for_acks(1)] == [DELIVERED]
    shown = stage.browser.wait_for_notification(MESSAGE.title)
    assert shown["body"] == MESSAGE.body
    assert shown["lang"] == "it"
    assert shown["data"]["post"] == 7


def test_a_correction_replaces_the_notification(stage: Stage) -> None:
    subscription = stage.subscribe()
    before = len(stage.push.acks)
    stage.send(MESSAGE, subscription)
    stage.browser.wait_for_notification(MESSAGE.title)
    stage.send(replace(MESSAGE, title="Piena del Po: cessata"), subscription)
    acks = stage.push.wait_for_acks(before + 2)
    assert {ack.code for ack in acks} == {DELIVERED}
    stage.browser.wait_for_notification("Piena del Po: cessata")
    assert len(stage.browser.notifications()) == 1


def test_clicking_the_notification_opens_the_post(stage: Stage) -> None:
    subscription = stage.subscribe()
    page, first_tab = f"{stage.url}c/cremona/p/8", stage.browser.tab
    stage.send(replace(MESSAGE, title="Aperto", tag="post-8", url=page), subscription)
    stage.browser.wait_for_notification("Aperto")
    stage.browser.press_notification("Aperto")
    stage.browser.switch_to(page)
    assert stage.browser.text("#follow") == "Iscriviti"
    stage.browser.tab = first_tab


def test_driver_disconnects_and_reconnects_the_network(stage: Stage) -> None:
    stage.browser.open(stage.url)
    stage.browser.set_offline(True)
    assert stage.browser.evaluate("fetch('/x').then(() => 'reached', () => 'offline')") == "offline"
    stage.browser.set_offline(False)
    assert stage.browser.evaluate("fetch('/x').then(() => 'reached', () => 'offline')") == "reached"


def test_push_with_the_key_of_another_installation_is_refused(stage: Stage) -> None:
    subscription = stage.subscribe()

    async def once() -> Result:
        other = VapidKey.from_secret(b"g" * 32)
        transport = WebPushTransport(other, "mailto:a@b.example", [stage.push.origin])
        try:
            return await transport.send(MESSAGE, Recipient(1, "it", subscription))
        finally:
            await transport.close()

    assert asyncio.run(once()).code == 403


def test_address_is_gone_after_unsubscribing(stage: Stage) -> None:
    subscription = stage.subscribe()
    stage.browser.evaluate(
        "navigator.serviceWorker.ready.then(r => r.pushManager.getSubscription())"
        ".then(s => s.unsubscribe())"
    )
    result = stage.send(MESSAGE, subscription)
    assert (result.outcome, result.code) == (Outcome.GONE, 410)


def test_driver_types_resizes_and_takes_screenshots(stage: Stage, tmp_path: Path) -> None:
    stage.browser.open(stage.url)
    stage.browser.write("#name", "Città ✓")
    assert stage.browser.evaluate("document.querySelector('#name').value") == "Città ✓"
    stage.browser.set_viewport(360, 640)
    assert stage.browser.evaluate("[innerWidth, innerHeight]") == [360, 640]
    photograph = tmp_path / "page.png"
    stage.browser.screenshot(photograph)
    assert photograph.read_bytes().startswith(b"\x89PNG")
    stage.browser.reload()
    assert stage.browser.evaluate("document.querySelector('#follow') !== null")


def test_the_driver_reports_a_failing_script_and_a_missing_element(stage: Stage) -> None:
    stage.browser.open(stage.url)
    assert stage.browser.text("#follow") == "Iscriviti"
    assert stage.browser.evaluate("navigator.language") == "it"
    assert json.dumps(stage.browser.evaluate("({a: [1, null]})")) == '{"a": [1, null]}'
    with pytest.raises(Exception, match="boom"):
        stage.browser.evaluate("Promise.reject(new Error('boom'))")
    with pytest.raises(Exception, match="nothing matches"):
        stage.browser.click("#missing")
