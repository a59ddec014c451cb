# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sharing and images at full size open over the page; Back closes them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.pages import (
    DESKTOP,
    City,
    article,
    needs_chromium,
    open_live_page,
    open_page,
    picture,
)

pytestmark = needs_chromium


@pytest.fixture
def page(city: City, device: BrowserContext) -> Page:
    """The channel's page with its stream open."""
    return open_live_page(device, city.site.channel)


# Sharing


def test_post_is_shared_by_links_without_a_share_sheet(city: City, browser: Browser) -> None:
    post = city.publish("Da inoltrare & dire")
    context = browser.new_context(viewport=DESKTOP, permissions=["clipboard-write"])
    page = open_page(context, city.site.channel)
    article(page, post).locator("[data-share]").click()
    dialog = page.locator("#share-dialog")
    expect(dialog).to_be_visible()
    url = f"{city.site.channel}p/{post}"
    expect(dialog.locator("[data-slot=url]")).to_have_value(url)
    chat = dialog.locator("[data-share-target=chat]").get_attribute("href") or ""
    assert parse_qs(urlsplit(chat).query)["text"] == [f"Da inoltrare & dire {url}"]
    dialog.locator("[data-copy]").click()
    expect(dialog.locator("[data-slot=copied]")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(article(page, post).locator("[data-share]")).to_be_focused()
    context.close()


def test_phone_uses_its_own_share_sheet(city: City, device: BrowserContext) -> None:
    post = city.publish("Con il telefono")
    page = device.new_page()
    page.add_init_script(
        "window.shared = [];"
        "navigator.share = async (what) => void window.shared.push(what);"
        "const match = window.matchMedia;"
        "window.matchMedia = (query) =>"
        "  query.includes('coarse') ? { matches: true } : match.call(window, query)"
    )
    page.goto(city.site.channel)
    article(page, post).locator("[data-share]").click()
    url = f"{city.site.channel}p/{post}"
    assert page.evaluate("window.shared") == [{"url": url, "title": "Con il telefono"}]
    expect(page.locator("#share-dialog")).to_be_hidden()


# Images


def test_images_can_be_enlarged_and_browsed_by_keyboard(city: City, page: Page) -> None:
    images = [
        {"data": picture("#0066cc"), "alt": "Piazza"},
        {"data": picture("#008758"), "alt": "Ponte"},
    ]
    post = city.publish("Due immagini", images=images)
    first = article(page, post).locator("a[data-lightbox]").first
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#lightbox")
    expect(dialog).to_be_visible()
    caption = dialog.locator("[data-slot=alt]")
    slides = dialog.locator("li")
    expect(slides.first.locator("img")).to_have_attribute("src", re.compile(r"-large$"))
    expect(caption).to_have_text("Piazza")
    expect(slides.first).to_be_in_viewport(ratio=0.9)
    page.keyboard.press("ArrowRight")
    expect(caption).to_have_text("Ponte")
    expect(slides.last).to_be_in_viewport(ratio=0.9)
    expect(dialog.locator("[data-slot=position]")).to_contain_text("2")
    page.keyboard.press("ArrowRight")
    expect(caption).to_have_text("Piazza")
    # A swipe is a scroll of the browser.
    dialog.locator("[data-strip]").evaluate("(strip) => strip.scrollTo(strip.clientWidth, 0)")
    expect(caption).to_have_text("Ponte")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(first).to_be_focused()


def test_back_closes_what_is_open(city: City, page: Page) -> None:
    post = city.publish("Con foto", images=[{"data": picture(), "alt": "Piazza"}])
    page.goto(f"{city.site.channel}p/{post}")
    page.goto(city.site.channel)
    steps = page.evaluate("history.length")
    link = article(page, post).locator("a[data-lightbox]")
    for opener, name in (
        (link, "lightbox"),
        (article(page, post).locator("[data-share]"), "share-dialog"),
    ):
        dialog = page.locator(f"#{name}")
        opener.click()
        expect(dialog).to_be_visible()
        page.go_back()
        expect(dialog).to_be_hidden()
        assert page.url == city.site.channel
        # Closed otherwise, it leaves no step behind.
        opener.click()
        dialog.locator("[data-close-dialog]").click()
        expect(dialog).to_be_hidden()
        page.wait_for_function("() => history.state === null")
    assert page.evaluate("history.length") <= steps + 1
    page.go_back()
    page.wait_for_url(f"{city.site.channel}p/{post}")


def test_enlarged_image_stays_large_at_400_percent(city: City, browser: Browser) -> None:
    tall = picture(width=900, height=1600)
    post = city.publish("Manifesto", images=[{"data": tall, "alt": "Programma " * 20}])
    context = browser.new_context(viewport={"width": 320, "height": 256}, locale="it-IT")
    page = open_page(context, f"{city.site.channel}p/{post}")
    article(page, post).locator("a[data-lightbox]").click()
    dialog = page.locator("#lightbox")
    image = dialog.locator("img")
    expect(image).to_have_js_property("complete", True)
    box = image.bounding_box()
    assert box
    assert box["height"] >= 0.59 * 256
    dialog.evaluate("(dialog) => dialog.scrollTo(0, dialog.scrollHeight)")
    expect(dialog.locator("[data-slot=alt]")).to_be_in_viewport()
    assert dialog.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    context.close()
