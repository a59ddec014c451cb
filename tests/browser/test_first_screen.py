# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The distance in pixels from the top of the page to its first post and first instruction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import (
    DESKTOP,
    PHONE,
    City,
    let_subscribe,
    needs_chromium,
    open_page,
    press,
    state,
)

pytestmark = needs_chromium

SMALL_PHONE = {"width": 360, "height": 640}
# The same 25 posts took 7,747 pixels before there were lighter cards.
MAX_PAGE_HEIGHT = round(0.85 * 7_747)
LONG_NAME = "Unione dei Comuni di Castelnuovo Bocca d’Adda e Maccastorna"
INSTRUCTIONS = (
    "Non bevete e non usate per cucinare l’acqua del rubinetto fino a nuovo avviso.\n\n"
    "- autobotti in piazza Antica\n- potete lavarvi e usarla per le pulizie\n"
    "- dubbi: numero verde *800 123 456*"
)


@pytest.fixture(scope="module")
def posts(city: City) -> None:
    """Five of each kind but alerts, as a press office writes them, and five with a picture."""
    soon = (datetime.now(UTC) + timedelta(days=4)).isoformat()
    for number in range(5):
        text = "Lavori alla rete dalle 9 alle 15: autobotte in via Flaminia, numero 12."
        city.publish(f"Acqua sospesa {number}", kind="service", text=text, topics=["scuola"])
        city.publish(f"Concerto {number}", kind="event", starts_at=soon, place="Ponchielli")
        city.publish(f"Bando affitti {number}", kind="deadline", starts_at=soon, text=text)
        city.publish(f"Biblioteca aperta {number}", text=text, topics=["scuola", "viabilita"])
        city.publish(f"Una novità {number}", text="Oggi.")


@pytest.fixture
def page(city: City, posts: None, browser: Browser) -> Iterator[Page]:
    """The channel's page of a device that may follow."""
    context = browser.new_context(viewport=PHONE, locale="it-IT")
    let_subscribe(context, city.subscription())
    yield open_page(context, city.site.channel)
    context.close()


def top(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box, selector
    return box["y"]


def test_followers_see_posts_at_once_and_an_alert_before_everything(city: City, page: Page) -> None:
    page.wait_for_selector("html.laid-out")
    stranger_height = page.evaluate("document.documentElement.scrollHeight")
    assert stranger_height <= MAX_PAGE_HEIGHT
    press(page, "subscribe")
    state(page, "following")
    page.reload()
    state(page, "following")
    assert top(page, "#posts article") <= 180
    for control in page.locator("#follow-state .tool").all():
        box = control.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44
    alert = city.publish("Acqua non potabile a Cavatigozzi", text=INSTRUCTIONS, kind="alert",
                         ends_at=(datetime.now(UTC) + timedelta(hours=20)).isoformat())  # fmt: skip
    expect(page.locator(f"#pinned-{alert}")).to_be_visible()
    for size in (SMALL_PHONE, PHONE, DESKTOP):
        page.set_viewport_size(size)
        assert top(page, "#pinned") <= (200 if size == DESKTOP else 180)
        assert top(page, "#pinned") <= top(page, "#follow")
        assert top(page, "#pinned") < top(page, "#posts")
    assert page.evaluate(
        "Boolean(document.getElementById('pinned').compareDocumentPosition("
        "document.getElementById('follow')) & Node.DOCUMENT_POSITION_FOLLOWING)"
    )
    page.set_viewport_size(SMALL_PHONE)
    page.goto(f"{city.site.channel}p/{alert}")
    # From the notification to the instruction, and all of it on the first screen.
    expect(page.locator("#pinned")).to_be_visible()
    expect(page.locator("#follow")).to_be_hidden()
    assert top(page, "#pinned .text") <= 270
    call = page.get_by_role("link", name="Chiama il 112")
    expect(call).to_have_attribute("href", "tel:112")
    for part in ("#pinned > h2", "#pinned .text", "#pinned .post-foot", "#pinned .call a"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    # Nothing lies over anything: the button begins where the post ends.
    box = page.locator(f"#pinned-{alert}").bounding_box()
    assert box
    assert top(page, "#pinned .call") >= box["y"] + box["height"] - 1


def test_strangers_read_an_alert_before_they_are_asked_to_follow(
    city: City, posts: None, browser: Browser
) -> None:
    alert = city.publish("Piena", text=INSTRUCTIONS, kind="alert")
    context = browser.new_context(viewport=SMALL_PHONE, locale="it-IT")
    page = open_page(context, f"{city.site.channel}p/{alert}")
    expect(page.locator("#follow")).to_be_visible()
    assert top(page, "#pinned .text") <= 270
    assert top(page, "#pinned .call") < top(page, "#follow")
    # Also below the name of a union of towns.
    page.locator(".bar h1").evaluate("(one, name) => { one.textContent = name }", LONG_NAME)
    assert top(page, "#pinned .text") <= 270
    clear = city.publish("Passata", kind="alert", all_clear_of=alert)
    # The page stays open: the alert becomes a post like others, with the badge that it has ended.
    expect(page.locator("#pinned")).to_be_hidden()
    expect(page.locator(f"#post-{alert} .over")).to_have_text("Cessata")
    city.withdraw(clear)
    expect(page.locator("#pinned")).to_be_visible()
    expect(page.locator(f"#post-{alert}")).to_be_hidden()
    context.close()
