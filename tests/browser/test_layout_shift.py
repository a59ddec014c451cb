# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing moves on a page, whenever its font arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize

from tests.browser.pages import (
    DESKTOP,
    PHONE,
    City,
    needs_chromium,
    picture,
)

pytestmark = needs_chromium

# Cumulative Layout Shift: https://web.dev/articles/cls
MAX_SHIFT = 0.02
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


def shift(page: Page, url: str) -> float:
    """Open a page, let its font arrive after everything else, and return the sum of what moved."""
    held: list[Route] = []
    page.route("**/*.woff2", lambda route: held.append(route))
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_function(_PAINTED)
    assert held
    for route in held:
        route.continue_()
    page.wait_for_load_state()
    assert page.evaluate(_SETTLED) >= 2
    return float(page.evaluate("window.shifts.reduce((sum, each) => sum + each, 0)"))


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_moves_for_strangers(
    city: City, pages: dict[str, str], browser: Browser, size: ViewportSize
) -> None:
    # Fonts that a service worker has kept are there from the first frame.
    context = browser.new_context(viewport=size, locale="it-IT", service_workers="block")
    context.add_init_script(_OBSERVE)
    shifts = {}
    for name, url in pages.items():
        page = context.new_page()
        shifts[name] = shift(page, url)
        page.close()
    context.close()
    assert {name: moved for name, moved in shifts.items() if moved > MAX_SHIFT} == {}
