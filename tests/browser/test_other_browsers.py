# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Browsers unlike a developer's: dead push addresses, wrong clocks, no cookies, many tabs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, Route, expect

from tests.browser.pages import (
    CHROMIUM,
    CHROMIUM_OPTIONS,
    PHONE,
    City,
    article,
    let_subscribe,
    needs_chromium,
    open_live_page,
    open_page,
    press,
    react,
    state,
)
from tests.standins.push_service import Behaviour, Subscription
from tests.waiting import wait_until

pytestmark = needs_chromium

EDGE = "https://permanently-removed.invalid/fcm/send/fgr7FAJdyMU:APA91bEq"
UNKNOWN = "https://push.example.org/fcm/send/fgr7FAJdyMU"

# A browser that gives these subscriptions, one after the other: the next one only when the one
# before was given back.
_GIVES = """(given) => {
  const at = () => Number(localStorage.getItem("test-at") ?? 0);
  const make = (one) => ({
    endpoint: one.endpoint, options: { applicationServerKey: null }, toJSON: () => one,
    unsubscribe: async () => {
      localStorage.removeItem("test-on");
      localStorage.setItem("test-at", at() + 1);
      return true;
    },
  });
  const present = () => make(given[Math.min(at(), given.length - 1)]);
  PushManager.prototype.getSubscription = async () =>
    localStorage.getItem("test-on") ? present() : null;
  PushManager.prototype.subscribe = async () => {
    localStorage.setItem("test-on", "1");
    return present();
  };
  Object.defineProperty(Notification, "permission", { get: () => "granted" });
  Notification.requestPermission = async () => "granted";
}"""

_FOLLOWING = "fetch('/api/v1/me').then((me) => me.json()).then((me) => me.following.length)"


def _gives(context: BrowserContext, *given: Subscription) -> None:
    context.add_init_script(f"({_GIVES})({json.dumps(given)})")


def _at(endpoint: str, like: Subscription) -> Subscription:
    return {**like, "endpoint": endpoint}


# Push addresses


@pytest.mark.parametrize("dead", [EDGE, UNKNOWN, "http://localhost:1/x"])
def test_dead_address_is_unsubscribed_and_replaced(
    city: City, device: BrowserContext, dead: str
) -> None:
    good = city.subscription()
    _gives(device, _at(dead, good), good)
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    expect(page.locator("#follow-state [data-without-push]").first).to_be_hidden()
    city.publish("Arriva")
    page.reload()
    state(page, "following")
    assert page.evaluate("localStorage.getItem('test-at')") == "1"


@pytest.mark.parametrize("dead", [EDGE, UNKNOWN])
def test_browser_with_only_dead_addresses_is_not_offered_a_retry(
    city: City, device: BrowserContext, dead: str
) -> None:
    before = city.followers()
    _gives(device, _at(dead, city.subscription()))
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "unreachable")
    expect(page.locator("#follow-state a[href$='feed.rss']")).to_be_visible()
    expect(page.locator("#follow-state [data-action=retry]")).to_have_count(0)
    press(page, "close")
    state(page, "follow")
    assert city.followers() == before


def test_unresponsive_push_service_is_named_at_the_second_try(
    city: City, device: BrowserContext
) -> None:
    let_subscribe(device, city.subscription())
    device.add_init_script(
        "PushManager.prototype.subscribe = async () => {"
        " throw new DOMException('push service not available', 'AbortError') }"
    )
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "error")
    press(page, "retry")
    state(page, "unreachable")


def test_gone_address_is_unsubscribed_when_the_page_is_opened(
    city: City, device: BrowserContext
) -> None:
    gone, good = city.subscription(), city.subscription()
    _gives(device, gone, good)
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    city.push.behave(Behaviour(status=410), gone["endpoint"])
    city.publish("Nessuno la riceve")
    wait_until(lambda: not page.evaluate(_FOLLOWING))
    page.reload()
    wait_until(lambda: page.evaluate("localStorage.getItem('test-at')") == "1")
    press(page, "subscribe")
    state(page, "following")
    expect(page.locator("#follow-state [data-without-push]").first).to_be_hidden()
    city.publish("Al nuovo indirizzo")
    _received(city, good, "Al nuovo indirizzo")


def test_missing_address_is_replaced_when_the_page_is_opened(
    city: City, device: BrowserContext
) -> None:
    first, second = city.subscription(), city.subscription()
    _gives(device, first, second)
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    page.evaluate("localStorage.removeItem('test-on'), localStorage.setItem('test-at', '1')")
    with page.expect_response("**/followers"):
        page.reload()
    city.publish("Di nuovo raggiunto")
    _received(city, second, "Di nuovo raggiunto")


def _received(city: City, by: Subscription, title: str) -> None:
    wait_until(
        lambda: any(
            one.endpoint == by["endpoint"] and title in one.payload["notification"]["title"]
            for one in list(city.push.received)
        )
    )


# Clocks


@pytest.mark.parametrize("days", [40, -400])
def test_wrong_clock_hides_no_post_and_renames_no_day(
    city: City, device: BrowserContext, days: int
) -> None:
    alert = city.publish(
        "Fino a domani", kind="alert", ends_at=(datetime.now(UTC) + timedelta(days=1)).isoformat()
    )
    post = city.publish("Con l’orologio sbagliato")
    page = device.new_page()
    page.clock.install(time=datetime.now(UTC) + timedelta(days=days))
    page.goto(city.site.channel)
    page.wait_for_selector("html[data-live=open]")
    page.clock.run_for(61_000)
    expect(article(page, post)).to_be_visible()
    expect(page.locator(f"#pinned-{alert}")).to_be_visible()
    expect(page.locator("#posts h2").first).to_have_text("Oggi")
    # Somebody sets it right, or wrong again, while the page is open.
    page.clock.set_system_time(datetime.now(UTC) + timedelta(days=-3 * days))
    page.clock.run_for(61_000)
    page.wait_for_timeout(300)
    expect(page.locator(f"#pinned-{alert}")).to_be_visible()
    expect(page.locator("#posts h2").first).to_have_text("Oggi")
    city.withdraw(alert)


@pytest.mark.parametrize("answered", ["reaction", "card", "page", "head"])
def test_page_takes_the_time_from_every_response(
    city: City, browser: Browser, answered: str
) -> None:
    post = city.publish("Per un mese")
    context = browser.new_context(locale="it-IT", service_workers="block")
    page = context.new_page()
    page.clock.install(time=datetime.now(UTC))
    if answered == "page":
        page.route("**/live/**", lambda route: route.fulfill(status=503))
    page.goto(city.site.channel)
    page.wait_for_selector(f"html[data-live={'refused' if answered == 'page' else 'open'}]")
    expect(article(page, post)).to_be_visible()
    page.route(
        {"reaction": "**/reaction", "card": "**/card"}.get(answered, city.site.channel),
        _answer_a_month_later,
    )
    with page.expect_response(_is_later):
        if answered == "reaction":
            react(article(page, post))
        elif answered == "card":
            city.correct(post)
        elif answered == "page":
            page.clock.run_for(46_000)
        else:
            page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=1))
            page.clock.run_for(61_000)
    page.clock.run_for(61_000)
    expect(article(page, post)).to_have_count(0)
    # A handler that still waits for an answer would lose it with the context.
    page.unroute_all(behavior="wait")
    context.close()


def _answer_a_month_later(route: Route) -> None:
    answer = route.fetch()
    later = format_datetime(datetime.now(UTC) + timedelta(days=31), usegmt=True)
    route.fulfill(response=answer, headers={**answer.headers, "date": later})


def _is_later(response: Response) -> bool:
    date = parsedate_to_datetime(response.headers["date"]) if "date" in response.headers else None
    return date is not None and date > datetime.now(UTC) + timedelta(days=30)


def test_cached_page_is_readable_offline_with_a_wrong_clock(
    city: City, device: BrowserContext
) -> None:
    post = city.publish("Da leggere in cantina")
    page = device.new_page()
    page.clock.install(time=datetime.now(UTC) + timedelta(days=40))
    page.goto(city.site.channel)
    page.wait_for_function("() => navigator.serviceWorker.controller?.state === 'activated'")
    page.reload()
    device.set_offline(True)
    page.reload()
    expect(article(page, post)).to_be_visible()
    expect(page.locator("#posts h2").first).to_have_text("Oggi")


# Cookies


def test_reader_who_blocks_cookies_gets_an_accurate_message(
    city: City, browser: Browser, tmp_path: Path
) -> None:
    post = city.publish("Senza biscotti")
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    preferences.write_text(json.dumps(blocked))
    with browser.browser_type.launch_persistent_context(
        tmp_path,
        executable_path=CHROMIUM,
        args=CHROMIUM_OPTIONS,
        viewport=PHONE,
        locale="it-IT",
    ) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method))
        page.goto(city.site.channel)
        page.wait_for_selector("html[data-live=open]")
        expect(article(page, post)).to_be_visible()
        for _ in range(2):
            _press_and_read(page, post)
            page.reload()
        press(page, "subscribe")
        state(page, "blocked")
        expect(page.locator("#follow-state")).to_contain_text("blocca i cookie")
        later = city.publish("Anche dal vivo")
        expect(article(page, later)).to_be_visible()
        assert set(asked) == {"GET"}


def _press_and_read(page: Page, post: int) -> None:
    reaction = react(article(page, post))
    expect(article(page, post).locator(".reaction-note")).to_contain_text("cookie")
    expect(reaction).to_have_attribute("aria-pressed", "false")
    expect(reaction.locator("[data-count]")).to_have_text("")


def test_blocked_storage_is_not_taken_for_a_private_window(
    city: City, device: BrowserContext
) -> None:
    let_subscribe(device, city.subscription())
    page = device.new_page()
    page.add_init_script(
        "const refuse = () => { throw new DOMException('denied', 'SecurityError') };"
        "Object.defineProperty(window, 'localStorage', { get: refuse });"
        "StorageManager.prototype.getDirectory = async () => refuse();"
        "ServiceWorkerContainer.prototype.register = async () => refuse()"
    )
    page.goto(city.site.channel)
    post = city.publish("Si legge lo stesso")
    expect(article(page, post)).to_be_visible()
    press(page, "subscribe")
    state(page, "blocked")


# Tabs


def test_eight_tabs_share_one_stream_without_missing_events(city: City, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block")
    streams: list[str] = []
    context.on("request", lambda one: streams.append(one.url) if "/live/" in one.url else None)
    pages = [open_live_page(context, f"{city.site.channel}?tab={number}") for number in range(8)]
    assert len(streams) == 1
    first = city.publish("In tutte le schede")
    for page in pages:
        expect(article(page, first)).to_be_visible()
    # The reading tab is closed; events that arrive until another takes over are not lost.
    pages.pop(0).close()
    second = city.publish("Nel passaggio")
    for page in pages:
        expect(article(page, second)).to_have_count(1)
    assert len(streams) == 2
    late = open_live_page(context, city.site.channel)
    third = city.publish("Anche in quella aperta dopo")
    for page in (*pages, late):
        expect(article(page, third)).to_have_count(1)
    context.close()


def test_tab_takes_over_from_a_suspended_one(city: City, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block")
    # A tab that a phone has put to sleep keeps its lock and answers nobody.
    sleeper = open_page(context, f"{city.site.url}/privacy")
    sleeper.evaluate(
        "() => { navigator.locks.request('canale-live-cremona', () => new Promise(() => {})) }"
    )
    page = open_live_page(context, city.site.channel)
    post = city.publish("Non aspetta chi dorme")
    expect(article(page, post)).to_be_visible()
    context.close()


def test_stale_page_is_updated_by_another_tab(city: City, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block")
    page = context.new_page()
    page.goto(city.site.channel)
    old = page.content()
    page.close()
    missed = city.publish("Mentre era in memoria")
    reader = open_live_page(context, city.site.channel)
    expect(article(reader, missed)).to_be_visible()
    kept = context.new_page()
    kept.route(city.site.channel, lambda route: route.fulfill(body=old, content_type="text/html"))
    kept.goto(city.site.channel)
    expect(article(kept, missed)).to_have_count(1)
    expect(article(reader, missed)).to_have_count(1)
    context.close()


def test_page_restored_from_the_back_forward_cache_goes_on(city: City, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block")
    page = open_live_page(context, city.site.channel)
    for event in ("pagehide", "pageshow"):
        page.evaluate(
            "(name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))", event
        )
        if event == "pagehide":
            held: Any = page.evaluate("navigator.locks.query().then((all) => all.held.length)")
            assert held == 0
            missed = city.publish("Mentre era da parte")
    expect(article(page, missed)).to_have_count(1)
    context.close()
