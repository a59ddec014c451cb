# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Posts below the first screen are laid out after the first frame, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.pages import (
    PHONE,
    City,
    needs_chromium,
    open_live_page,
    open_page,
    picture,
)

pytestmark = needs_chromium

MAX_SHIFT = 0.02
# From one line to a screen: no guessed height fits them all.
TEXTS = ["Oggi.", "Lavori alla rete idrica in via Flaminia e nelle strade vicine. " * 10]
_LAID_OUT = """
(post) => document.querySelector(post).firstElementChild
  .checkVisibility({ contentVisibilityAuto: true })
"""
_CONTROLS = """
() => Array.from(document.querySelectorAll("#posts :is(a, button)"))
  .filter((control) => control.getBoundingClientRect().width > 0)
"""
_WATCH_SHIFTS = """
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) window.shift += value;
  }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def posts(city: City) -> list[int]:
    """Fifteen posts, the oldest first, every fourth with a picture."""
    images = [{"data": picture(), "alt": "Il ponte"}]
    return [
        city.publish(
            f"Avviso numero {number}",
            text=TEXTS[number % 2],
            images=[] if number % 4 else images,
        )
        for number in range(15)
    ]


@pytest.fixture
def device(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block") as context:
        context.add_init_script(_WATCH_SHIFTS)
        yield context


@pytest.fixture
def page(city: City, posts: list[int], device: BrowserContext) -> Page:
    """The channel's page before its script has come: posts are laid out when they come near."""
    device.route("**/public.*.js", lambda route: route.abort())
    return open_page(device, city.site.channel)


def test_far_posts_are_laid_out_when_they_come_near(page: Page, posts: list[int]) -> None:
    newest, oldest = f"#post-{posts[-1]}", f"#post-{posts[0]}"
    assert page.evaluate(_LAID_OUT, newest)
    assert not page.evaluate(_LAID_OUT, oldest)
    page.locator(oldest).scroll_into_view_if_needed()
    page.wait_for_function(_LAID_OUT, arg=oldest)
    page.emulate_media(media="print")
    values = "(all) => all.map((post) => getComputedStyle(post).contentVisibility)"
    assert set(page.locator(".post").evaluate_all(values)) == {"visible"}


def test_far_posts_are_found_by_search_and_link(city: City, page: Page, posts: list[int]) -> None:
    assert page.evaluate("find('Avviso numero 0')")
    expect(page.locator(f"#post-{posts[0]}")).to_be_in_viewport()
    far = posts[4]
    linked = open_page(page.context, f"{city.site.channel}#post-{far}")
    expect(linked.locator(f"#post-{far} h3")).to_be_in_viewport()


def test_tab_walks_through_far_posts_in_order(page: Page) -> None:
    controls = page.evaluate_handle(_CONTROLS)
    number = controls.evaluate("(all) => { all[0].focus(); return all.length; }")
    assert number >= 45
    for place in range(1, number):
        page.keyboard.press("Tab")
        assert controls.evaluate(f"(all) => all[{place}] === document.activeElement"), place
    expect(page.locator(":focus")).to_be_in_viewport()


def test_nothing_moves_while_a_reader_scrolls(page: Page, posts: list[int]) -> None:
    page.mouse.move(200, 400)
    for pixels in (300, -300):
        end = posts[0] if pixels > 0 else posts[-1]
        for _ in range(60):
            page.mouse.wheel(0, pixels)
            page.evaluate("new Promise(requestAnimationFrame)")
        expect(page.locator(f"#post-{end}")).to_be_in_viewport()
    assert page.evaluate("shift") <= MAX_SHIFT


def test_script_lays_out_all_posts_for_screen_readers(
    city: City, posts: list[int], device: BrowserContext
) -> None:
    page = open_page(device, city.site.channel)
    page.wait_for_selector("html.laid-out")
    assert page.evaluate(_LAID_OUT, f"#post-{posts[0]}")
    tree = device.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    told = [node.get("name", {}).get("value", "") for node in tree if not node["ignored"]]
    headings = [name for name in told if name.startswith("Avviso")]
    assert list(dict.fromkeys(headings)) == [f"Avviso numero {n}" for n in reversed(range(15))]
    # In the list of posts styles hide the end of each.
    assert not any("Online" in name for name in told)
    assert page.evaluate("shift") <= MAX_SHIFT


def test_new_post_does_not_move_what_is_read_far_down(
    city: City, posts: list[int], device: BrowserContext
) -> None:
    page = open_live_page(device, city.site.channel)
    page.wait_for_selector("html.laid-out")
    read = page.locator(f"#post-{posts[3]}")
    read.scroll_into_view_if_needed()
    before = _top(read)
    new = city.publish("Un avviso nuovo", text=TEXTS[1])
    expect(page.locator("#arrivals")).to_be_visible()
    # Scrolling goes by whole pixels.
    assert abs(_top(read) - before) <= 1
    page.locator("#arrivals").click()
    expect(page.locator(f"#post-{new}")).to_be_in_viewport()
    expect(page.locator(f"#post-{new}")).to_be_focused()
    city.withdraw(new)


def _top(shown: Locator) -> float:
    box = shown.bounding_box()
    assert box
    return box["y"]
