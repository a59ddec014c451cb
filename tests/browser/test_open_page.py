# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An open page: posts come, change and go without loading it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.pages import (
    PHONE,
    City,
    article,
    needs_chromium,
    open_live_page,
    open_page,
    picture,
)
from tests.site import HANDLE

pytestmark = needs_chromium

A_DAY = 24 * 3600 * 1000


@pytest.fixture
def page(city: City, device: BrowserContext) -> Page:
    """The channel's page with its stream open."""
    return open_live_page(device, city.site.channel)


@pytest.fixture
def answered_page(city: City, browser: Browser) -> Iterator[Page]:
    """The same for a test that answers in the server's place: once a service worker has taken a
    page over, Playwright no longer sees what the page asks for."""
    context = browser.new_context(viewport=PHONE, locale="it-IT", service_workers="block")
    yield open_live_page(context, city.site.channel)
    context.close()


def mark_as_loaded_once(page: Page) -> None:
    page.evaluate("window.loadedOnce = true")


def never_loaded_again(page: Page) -> bool:
    return bool(page.evaluate("window.loadedOnce === true"))


# Live


def test_new_post_appears_under_today_and_is_announced(city: City, page: Page) -> None:
    mark_as_loaded_once(page)
    post = city.publish("Chiusa via Dante")
    expect(article(page, post)).to_be_visible()
    expect(page.locator("#announce")).to_contain_text("Chiusa via Dante")
    expect(page.locator("#posts > section.day").first.locator("h2")).to_have_text("Oggi")
    newer = city.publish("Riaperta via Dante")
    expect(article(page, newer)).to_be_visible()
    shown = page.locator("#posts article").evaluate_all("all => all.map((one) => one.dataset.post)")
    assert shown[:2] == [str(newer), str(post)]
    assert never_loaded_again(page)


def test_new_posts_above_the_screen_are_counted_and_reached(city: City, page: Page) -> None:
    city.publish("Lunga", text="riga\n\n" * 150)
    expect(page.locator("#posts")).to_contain_text("Lunga")
    pill = page.locator("#arrivals")
    expect(pill).to_be_hidden()
    page.mouse.wheel(0, 2500)
    page.wait_for_function("() => window.scrollY > 1500")
    first = city.publish("Non vista")
    expect(pill).to_have_text("↑ 1 nuovo post")
    box = pill.bounding_box()
    assert box
    assert box["height"] >= 44
    second = city.publish("Nemmeno questa")
    expect(pill).to_have_text("↑ 2 nuovi post")
    # It goes as soon as both are in sight.
    page.evaluate("window.scrollTo(0, 0)")
    expect(pill).to_be_hidden()
    page.mouse.wheel(0, 3500)
    page.wait_for_function("() => window.scrollY > 2500")
    third = city.publish("La terza")
    pill.click()
    expect(pill).to_be_hidden()
    expect(article(page, third)).to_be_focused()
    expect(article(page, third)).to_be_in_viewport()
    assert article(page, first).count() == article(page, second).count() == 1


def test_correction_updates_the_post_and_keeps_the_focus(city: City, page: Page) -> None:
    post = city.publish("Mercato di sabato", text="Alle 8")
    mark_as_loaded_once(page)
    article(page, post).locator("[data-share]").focus()
    city.correct(post, text="Alle 9", note="Cambia l’ora")
    expect(article(page, post).locator(".text")).to_have_text("Alle 9")
    expect(article(page, post).locator(".corrected")).to_contain_text("Cambia l’ora")
    expect(page.locator("#announce")).to_contain_text("Mercato di sabato")
    expect(article(page, post).locator("[data-share]")).to_be_focused()
    assert never_loaded_again(page)


def test_page_polls_while_the_stream_is_refused(city: City, device: BrowserContext) -> None:
    withdrawn = city.publish("Sbagliato")
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "30"}, body="{}")

    page = device.new_page()
    page.clock.install()
    page.route("**/live/**", refuse)
    page.goto(city.site.channel)
    expect(article(page, withdrawn)).to_be_visible()
    mark_as_loaded_once(page)
    # All posts are on this page: the oldest has not moved to the next one.
    expect(page.locator(".more")).to_have_count(0)
    oldest = int(str(page.locator("#posts article").last.get_attribute("data-post")))
    post = city.publish("Chiusa via Dante")
    city.withdraw(withdrawn)
    if oldest != withdrawn:
        city.withdraw(oldest)
    page.clock.fast_forward(46_000)
    expect(article(page, post)).to_be_visible()
    expect(page.locator("#announce")).to_contain_text("Chiusa via Dante")
    expect(article(page, withdrawn).locator(".withdrawn")).to_be_visible()
    expect(article(page, oldest).locator(".withdrawn")).to_be_visible()
    assert never_loaded_again(page)
    # It tries the stream again, from where the page is now.
    for _ in range(100):
        if len(refused) < 2:
            page.wait_for_timeout(50)
    asked = [int(url.rpartition("=")[2]) for url in refused]
    assert len(asked) == 2
    assert asked[1] >= asked[0] + 2


def test_withdrawn_post_is_replaced_by_a_note(city: City, page: Page) -> None:
    post = city.publish("Sbagliato", text="Tutto sbagliato")
    expect(article(page, post)).to_be_visible()
    mark_as_loaded_once(page)
    city.withdraw(post)
    expect(article(page, post).locator(".withdrawn")).to_be_visible()
    expect(article(page, post)).not_to_contain_text("Tutto sbagliato")
    why = article(page, post).get_by_role("link", name="Perché?")
    expect(why).to_have_attribute("href", f"{city.site.channel}p/{post}")
    expect(page.locator("#announce")).to_contain_text("Sbagliato")
    assert never_loaded_again(page)


def test_alert_is_pinned_until_its_all_clear(city: City, page: Page) -> None:
    expect(page.locator("#pinned")).to_be_hidden()
    alert = city.publish("Il Po sale", kind="alert")
    expect(page.locator(f"#pinned #pinned-{alert}")).to_be_visible()
    # Once: in the list it is hidden while it stands above.
    expect(article(page, alert)).to_be_hidden()
    other = city.publish("Vento forte", kind="alert")
    expect(page.locator("#pinned > h2")).to_have_text("Allerte in corso")
    city.withdraw(other)
    expect(page.locator("#pinned > h2")).to_have_text("Allerta in corso")
    city.correct(alert, text="A 4 metri")
    expect(page.locator(f"#pinned-{alert}")).to_contain_text("A 4 metri")
    expect(page.locator("#pinned article")).to_have_count(1)
    clear = city.publish("Il Po scende", kind="alert", all_clear_of=alert)
    expect(page.locator("#pinned")).to_be_hidden()
    expect(article(page, alert).locator(".over")).to_be_visible()
    expect(article(page, alert).locator(".text")).to_be_visible()
    # The all-clear was a mistake: the danger is there again.
    city.withdraw(clear)
    expect(page.locator(f"#pinned #pinned-{alert}")).to_be_visible()
    expect(article(page, alert).locator(".over")).to_have_count(0)
    city.withdraw(alert)
    expect(page.locator("#pinned")).to_be_hidden()


def test_alert_is_unpinned_when_it_ends(city: City, device: BrowserContext) -> None:
    end = datetime.now(UTC) + timedelta(hours=2)
    alert = city.publish("Fino a sera", text="Chiusi", kind="alert", ends_at=end.isoformat())
    page = device.new_page()
    page.clock.install(time=datetime.now(UTC))
    page.goto(city.site.channel)
    expect(page.locator(f"#pinned-{alert}")).to_be_visible()
    page.clock.fast_forward(timedelta(hours=2, minutes=6) // timedelta(milliseconds=1))
    expect(page.locator("#pinned")).to_be_hidden()
    expect(article(page, alert).locator(".text")).to_be_visible()


def test_page_catches_up_after_a_network_loss_without_duplicates(city: City, page: Page) -> None:
    kept = city.publish("Prima")
    wrong = city.publish("Sarà ritirato")
    expect(article(page, wrong)).to_be_visible()
    mark_as_loaded_once(page)
    page.context.set_offline(True)
    missed = [city.publish(f"Durante {number}") for number in range(3)]
    city.correct(kept, text="Cambiato durante")
    city.withdraw(wrong)
    page.wait_for_timeout(500)
    expect(article(page, missed[0])).to_have_count(0)
    page.context.set_offline(False)
    after = city.publish("Dopo")
    for post in (*missed, after):
        expect(article(page, post)).to_have_count(1)
    expect(article(page, kept).locator(".text")).to_have_text("Cambiato durante")
    expect(article(page, wrong).locator(".withdrawn")).to_be_visible()
    ids = page.locator("#posts article").evaluate_all("all => all.map((one) => one.dataset.post)")
    assert ids[:4] == [str(post) for post in (after, *reversed(missed))]
    assert len(ids) == len(set(ids))
    assert never_loaded_again(page)


def test_lost_connection_is_shown_until_it_returns(city: City, page: Page) -> None:
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden()


def test_refused_stream_is_requested_again(city: City, device: BrowserContext) -> None:
    page = device.new_page()
    page.clock.install()
    page.route("**/live/**", lambda route: route.fulfill(status=503), times=1)
    with page.expect_response("**/live/**") as refused:
        page.goto(city.site.channel)
    assert refused.value.status == 503
    with page.expect_response("**/live/**") as taken:
        # The page may not have heard of the refusal yet when the clock first jumps.
        while not taken.is_done():
            page.clock.fast_forward(60_000)
            page.wait_for_timeout(200)
    assert taken.value.status == 200


def test_failed_card_is_requested_again(city: City, answered_page: Page) -> None:
    answered_page.route("**/card", lambda route: route.fulfill(status=500), times=2)
    post = city.publish("Al terzo colpo")
    expect(article(answered_page, post)).to_be_visible()


def test_page_of_one_post_shows_its_correction_but_no_other_post(
    city: City, device: BrowserContext
) -> None:
    post = city.publish("Da solo", text="Prima")
    page = open_live_page(device, f"{city.site.channel}p/{post}")
    other = city.publish("Un altro")
    city.correct(post, text="Poi")
    expect(article(page, post).locator(".text")).to_have_text("Poi")
    expect(article(page, other)).to_have_count(0)


def test_days_are_renamed_at_midnight_and_posts_go_after_thirty_days(
    city: City, device: BrowserContext
) -> None:
    post = city.publish("Di ieri")
    page = device.new_page()
    page.clock.install(time=datetime.now(UTC))
    page.goto(city.site.channel)
    heading = page.locator("#posts > section.day h2").first
    expect(heading).to_have_text("Oggi")
    page.clock.fast_forward(A_DAY)
    expect(heading).to_have_text("Ieri")
    page.clock.fast_forward(30 * A_DAY)
    expect(article(page, post)).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()


# Layout


def test_badge_of_a_past_event_does_not_overlap_its_date(city: City, browser: Browser) -> None:
    before, after = (
        (datetime.now(UTC) - timedelta(days=3, hours=hours)).isoformat() for hours in (2, 0)
    )
    post = city.publish("Concerto", kind="event", starts_at=before, ends_at=after)
    context = browser.new_context(viewport={**PHONE, "width": 320}, locale="it-IT")
    page = open_page(context, f"{city.site.channel}p/{post}")
    badge = article(page, post).locator(".over").bounding_box()
    date = article(page, post).locator(".tile-date").bounding_box()
    assert badge
    assert date
    assert date["x"] + date["width"] <= badge["x"]
    context.close()


# Without


def test_page_is_readable_without_javascript(city: City, browser: Browser) -> None:
    post = city.publish("Per tutti", text="Anche *così*", images=[{"data": picture(), "alt": "x"}])
    context = browser.new_context(java_script_enabled=False)
    page = open_page(context, city.site.channel)
    expect(article(page, post).locator("strong", has_text="così")).to_be_visible()
    expect(page.get_by_role("link", name="RSS", exact=True)).to_be_visible()
    expect(page.locator("[data-action=subscribe]")).to_be_hidden()
    page.get_by_role("link", name=re.compile("^Per tutti")).click()
    assert page.url == f"{city.site.channel}p/{post}"
    context.close()


def test_page_requests_nothing_from_other_sites(city: City, device: BrowserContext) -> None:
    image = {"data": picture(), "alt": "Piazza"}
    post = city.publish("Con immagine", images=[image], text="https://example.org")
    asked: list[str] = []
    violations: list[str] = []
    device.on("request", lambda request: asked.append(request.url))
    device.on("console", lambda said: violations.append(said.text))
    for path in (f"/c/{HANDLE}/", f"/c/{HANDLE}/p/{post}", "/privacy", "/newsroom/accounts/login/"):
        page = device.new_page()
        page.goto(city.site.url + path)
        page.wait_for_load_state("load")
    foreign = [url for url in asked if not url.startswith((city.site.url, "blob:", "data:"))]
    assert len(asked) > 10
    assert foreign == []
    assert [said for said in violations if "Content Security Policy" in said] == []
