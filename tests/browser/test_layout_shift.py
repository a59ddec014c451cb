# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing moves when a page's font arrives, or the answer that its reader follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, StorageState, ViewportSize, expect

from tests.browser.pages import (
    DESKTOP,
    PHONE,
    City,
    let_subscribe,
    needs_chromium,
    open_page,
    open_settings,
    picture,
    press,
    state,
)

pytestmark = needs_chromium

# Cumulative Layout Shift: https://web.dev/articles/cls
MAX_SHIFT = 0.02
INSTRUCTIONS = (
    "Non bevete e non usate per cucinare l’acqua del rubinetto fino a nuovo avviso.\n\n"
    "- autobotti in piazza Antica\n- potete lavarvi e usarla per le pulizie\n"
    "- dubbi: numero verde *800 123 456*"
)
WORKS = (
    "Lavori alla rete idrica dalle 9 alle 15 di lunedì: l’acqua manca in via Flaminia, in via dei "
    "Mille e nelle strade vicine. Un’autobotte è in piazza dalle 8, e le scuole restano aperte."
)
_OBSERVE = """
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) window.shifts.push(value);
  }).observe({ type: "layout-shift", buffered: true });
"""
_TURNED_OFF = "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })"
_PAINTED = """
  () => performance.getEntriesByName("first-contentful-paint").length > 0
    && document.documentElement.classList.contains("js")
"""
_SETTLED = """
  async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    return Array.from(document.fonts).filter(({ family, status }) =>
      family.includes("Titillium Web") && status === "loaded").length;
  }
"""


@pytest.fixture(scope="module")
def pages(city: City) -> dict[str, str]:
    """The address of a page of each type."""
    soon = (datetime.now(UTC) + timedelta(days=4)).isoformat()
    for number in range(10):
        kind = ("news", "service", "event", "deadline", "news")[number % 5]
        when = {"starts_at": soon} if kind in ("event", "deadline") else {}
        headline = f"Acqua sospesa per lavori alla rete in via Flaminia, giorno {number}"
        last = city.publish(headline, text=WORKS, kind=kind, topics=["scuola"], **when)
    image = {"data": picture(), "alt": "Il ponte"}
    headline = "Il ponte sul Po riapre lunedì mattina alle sette"
    post = city.publish(headline, text=WORKS, images=[image])
    gone = city.publish("Un errore", text=WORKS)
    city.withdraw(gone)
    channel, url = city.site.channel, city.site.url
    standing = ("privacy", "legal", "accessibility", "media-policy", "offline", "not-there")
    return {
        "channel": channel,
        "post": f"{channel}p/{post}",
        "older": f"{channel}older?before={last}",
        "withdrawn": f"{channel}p/{gone}",
        **{name: f"{url}/{name}" for name in standing},
    }


@contextmanager
def observed(
    browser: Browser, size: ViewportSize, state: StorageState | None = None
) -> Iterator[BrowserContext]:
    """A device that notes what moves. Fonts that a service worker has kept would be there at
    once, so it has none."""
    context = browser.new_context(
        viewport=size, locale="it-IT", service_workers="block", storage_state=state
    )
    context.add_init_script(_OBSERVE)
    yield context
    context.close()


def shift(context: BrowserContext, url: str, following: str = "") -> float:
    """Open a page, let the first frame pass before its fonts arrive and before the server says
    whom the reader follows, and return the sum of what moved."""
    page = context.new_page()
    fonts: list[Route] = []
    page.route("**/*.woff2", lambda route: fonts.append(route))
    if following:
        answers: list[Route] = []
        page.route("**/api/v1/me", lambda route: answers.append(route))
        with page.expect_request("**/api/v1/me"):
            page.goto(url, wait_until="domcontentloaded")
        page.wait_for_function(_PAINTED)
        answers[0].continue_()
        state(page, following)
    else:
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_function(_PAINTED)
    assert fonts
    for route in fonts:
        route.continue_()
    page.wait_for_load_state()
    assert page.evaluate(_SETTLED) >= 2
    moved = float(page.evaluate("window.shifts.reduce((sum, each) => sum + each, 0)"))
    page.close()
    return moved


@pytest.mark.parametrize(
    "size",
    [pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop", marks=pytest.mark.long)],
)
def test_nothing_moves_for_strangers(
    pages: dict[str, str], browser: Browser, size: ViewportSize
) -> None:
    with observed(browser, size) as context:
        shifts = {name: shift(context, url) for name, url in pages.items()}
    assert {name: moved for name, moved in shifts.items() if moved > MAX_SHIFT} == {}


@pytest.mark.parametrize(
    "following",
    ["following", *(pytest.param(name, marks=pytest.mark.long) for name in ("muted", "off"))],
)
def test_nothing_moves_for_followers(
    city: City, pages: dict[str, str], browser: Browser, following: str
) -> None:
    """`off`: notifications were turned off on the device since its last visit."""
    subscription = city.subscription()
    with browser.new_context(viewport=PHONE, locale="it-IT") as context:
        let_subscribe(context, subscription)
        page = open_page(context, pages["channel"])
        press(page, "subscribe")
        state(page, "following")
        if following == "muted":
            open_settings(page)
            press(page, "mute")
            state(page, "muted")
        device = context.storage_state()
    alert = city.publish("Acqua non potabile a Cavatigozzi", text=INSTRUCTIONS, kind="alert")
    addresses = [pages["channel"], pages["post"], f"{pages['channel']}p/{alert}"]
    shifts = {}
    for size in (PHONE, DESKTOP):
        with observed(browser, size, device) as context:
            let_subscribe(context, subscription)
            if following == "off":
                context.add_init_script(_TURNED_OFF)
            for address in addresses:
                name = "following" if following == "off" else following
                shifts[address, size["width"]] = shift(context, address, name)
    city.withdraw(alert)
    assert {key: moved for key, moved in shifts.items() if moved > MAX_SHIFT} == {}


def test_page_of_a_stranger_does_not_depend_on_what_the_device_remembers(
    city: City, pages: dict[str, str], browser: Browser
) -> None:
    with browser.new_context(viewport=PHONE, locale="it-IT") as context:
        # It followed, but the server knows nothing of it.
        context.add_init_script("localStorage.setItem('canale-state-cremona', 'following')")
        page = open_page(context, pages["channel"])
        expect(page.locator("html:not([data-follows])")).to_be_attached()
        expect(page.get_by_role("button", name="Iscriviti")).to_be_visible()
        assert page.locator(".remembered:visible").count() == 0
    with browser.new_context(viewport=PHONE, locale="it-IT") as context:
        # Some browsers forbid storage where they block cookies.
        context.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new Error() } })"
        )
        page = open_page(context, pages["channel"])
        expect(page.get_by_role("button", name="Iscriviti")).to_be_visible()
        expect(page.locator("html.js")).to_be_attached()
