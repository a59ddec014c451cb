# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reactions on an open page: shown at once, changed, taken back, and when they fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.pages import (
    PHONE,
    City,
    article,
    needs_chromium,
    open_live_page,
    open_page,
    react,
)

pytestmark = needs_chromium


@pytest.fixture
def page(city: City, browser: Browser) -> Iterator[Page]:
    """The channel's page with its stream open. Tests answer in the server's place: once a service
    worker has taken a page over, Playwright no longer sees what the page asks for."""
    context = browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block")
    yield open_live_page(context, city.site.channel)
    context.close()


def count(page: Page, post: int, emoji: str = "👍") -> str:
    place = f"#post-{post} .reaction[data-emoji='{emoji}'] [data-count]"
    return page.locator(place).inner_text()


def test_a_reaction_is_shown_at_once_changed_and_taken_back(
    city: City, browser: Browser, page: Page
) -> None:
    post = city.publish("Vi piace?")
    thumb = article(page, post).locator(".reaction[data-emoji='👍']")
    heart = article(page, post).locator(".reaction[data-emoji='❤️']")
    held: list[Route] = []
    page.route("**/reaction", lambda route: held.append(route))
    with page.expect_request("**/reaction"):
        react(article(page, post))
    # The server has not answered yet.
    expect(thumb).to_have_attribute("aria-pressed", "true")
    assert count(page, post) == "1"
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    page.unroute("**/reaction")
    other = open_page(browser.new_context(), city.site.channel)
    expect(article(other, post).locator("[data-emoji='👍'] [data-count]")).to_have_text("1")
    react(article(page, post), "❤️")
    expect(article(other, post).locator("[data-emoji='❤️'] [data-count]")).to_have_text("1")
    expect(article(other, post).locator("[data-emoji='👍'] [data-count]")).to_have_text("")
    page.reload()
    expect(heart).to_have_attribute("aria-pressed", "true")
    heart.click()
    expect(article(other, post).locator("[data-emoji='❤️'] [data-count]")).to_have_text("")
    assert count(page, post, "❤️") == ""
    other.context.close()


def test_failed_reaction_is_undone_and_reported(city: City, page: Page) -> None:
    post = city.publish("Non arriva")
    thumb = article(page, post).locator(".reaction[data-emoji='👍']")
    page.route("**/reaction", lambda route: route.abort())
    page.clock.install()
    react(article(page, post))
    toast = page.locator("#toast")
    expect(toast).to_contain_text("reazione")
    expect(thumb).to_have_attribute("aria-pressed", "false")
    assert count(page, post) == ""
    # The button that was pressed is hidden again: its reader goes on from the one that shows it.
    expect(article(page, post).locator("[data-more-reactions]")).to_be_focused()
    # Another press replaces it; it goes when it is closed, and after a while.
    react(article(page, post))
    expect(toast.locator(".toast")).to_have_count(1)
    toast.get_by_role("button", name="Chiudi").click()
    expect(toast).to_be_empty()
    react(article(page, post))
    expect(toast).to_contain_text("reazione")
    page.mouse.move(0, 0)
    page.clock.fast_forward(6_000)
    expect(toast).to_be_empty()


def test_toast_never_covers_what_has_the_focus(city: City, page: Page) -> None:
    city.publish("Sotto", text="riga\n\n" * 100)
    post = city.publish("In basso")
    city.publish("Sopra", text="riga\n\n" * 100)
    expect(page.locator("#posts")).to_contain_text("Sopra")
    page.route("**/reaction", lambda route: route.abort())
    thumb = article(page, post).locator(".reaction[data-emoji='👍']")
    more = article(page, post).locator("[data-more-reactions]")
    for block, above in (("start", False), ("end", True)):
        more.evaluate("(button, block) => button.scrollIntoView({ block })", block)
        more.focus()
        thumb.evaluate("(button) => button.click()")
        toast = page.locator(".toast")
        expect(toast).to_be_visible()
        box, focus = toast.bounding_box(), more.bounding_box()
        assert box
        assert focus
        assert (box["y"] < 100) is above
        assert box["y"] + box["height"] <= focus["y"] or focus["y"] + focus["height"] <= box["y"]
        toast.get_by_role("button").click()


def test_last_of_several_quick_presses_counts(city: City, page: Page) -> None:
    post = city.publish("Indecisi")
    for emoji in ("👍", "❤️", "👏", "😮", "👏"):
        last = react(article(page, post), emoji)
    expect(last).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(article(page, post).locator("[aria-pressed=true]")).to_have_count(1)
    # The page from memory may be older than the press; the stream tells the rest.
    expect(last.locator("[data-count]")).to_have_text("1")
    counts = article(page, post).locator("[data-count]").all_inner_texts()
    assert [text for text in counts if text] == ["1"]


def test_unused_reactions_open_at_a_press_and_close_after_a_choice(city: City, page: Page) -> None:
    post = article(page, city.publish("Altre"))
    more, heart = post.locator("[data-more-reactions]"), post.locator("[data-emoji='❤️']")
    expect(post.locator(".reaction:visible")).to_have_count(0)
    more.focus()
    page.keyboard.press("Enter")
    expect(post.locator(".reaction:visible")).to_have_count(6)
    heart.focus()
    page.keyboard.press("Enter")
    expect(post.locator(".reaction:visible")).to_have_count(1)
    expect(heart).to_be_focused()
    # Taken back, it is hidden again: whoever was on it is not lost.
    page.keyboard.press("Enter")
    expect(heart).to_be_hidden()
    expect(more).to_be_focused()
