# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""*Iscriviti* on a phone: one press, or an honest word about why not."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.pages import (
    City,
    answered,
    article,
    let_subscribe,
    needs_chromium,
    open_page,
    open_settings,
    press,
    react,
    state,
)
from tests.waiting import wait_until

pytestmark = needs_chromium

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"


@pytest.fixture
def follower(city: City, device: BrowserContext) -> Page:
    """A page whose reader has just followed."""
    let_subscribe(device, city.subscription())
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    return page


def test_one_press_follows_and_sends_a_welcome(city: City, device: BrowserContext) -> None:
    before, received = city.followers(), len(city.push.received)
    subscription = city.subscription()
    let_subscribe(device, subscription)
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    assert city.followers() == before + 1
    welcome = city.push.wait_for(received + 1)[-1]
    assert welcome.endpoint == subscription["endpoint"]
    asked_with = page.evaluate("localStorage.getItem('test-subscribed')")
    assert asked_with == page.locator("body").get_attribute("data-push-key")


def test_page_remembers_that_this_device_follows(follower: Page) -> None:
    follower.reload()
    state(follower, "following")
    expect(follower.locator("#follow-state [data-without-push]").first).to_be_hidden()


def test_new_visitor_sends_no_request_about_following(city: City, device: BrowserContext) -> None:
    page = device.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(city.site.channel)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    assert any("/live/" in url for url in asked)
    assert [url for url in asked if "/api/" in url] == []


def test_muting_and_unmuting_survive_a_reload(follower: Page) -> None:
    open_settings(follower)
    press(follower, "mute")
    state(follower, "muted")
    follower.reload()
    state(follower, "muted")
    open_settings(follower)
    press(follower, "unmute")
    state(follower, "following")


def test_chosen_topics_survive_a_reload(follower: Page) -> None:
    open_settings(follower)
    follower.get_by_label("Scuola").check()
    press(follower, "topics-save")
    expect(follower.locator("#follow-state [data-slot=notice]")).to_be_visible()
    follower.reload()
    open_settings(follower)
    expect(follower.get_by_label("Scuola")).to_be_checked()
    expect(follower.get_by_label("Viabilità")).not_to_be_checked()


def test_pressing_enter_saves_the_topics(follower: Page) -> None:
    open_settings(follower)
    follower.get_by_label("Viabilità").check()
    follower.locator("form[data-topics]").evaluate("form => form.requestSubmit()")
    expect(follower.locator("#follow-state [data-slot=notice]")).to_be_visible()
    assert "?" not in follower.url


def test_unfollowing_removes_the_follower(city: City, follower: Page) -> None:
    before = city.followers()
    open_settings(follower)
    press(follower, "unfollow")
    state(follower, "follow")
    assert city.followers() == before - 1
    assert follower.evaluate("localStorage.getItem('test-subscribed')") is None
    follower.reload()
    state(follower, "follow")


def test_forget_me_clears_server_and_device(city: City, follower: Page) -> None:
    post = city.publish("Da dimenticare")
    before = city.site.inside("rows")["reactions_reaction"]
    reaction = react(article(follower, post))
    expect(reaction).to_have_attribute("aria-pressed", "true")
    # The button is pressed before the server has answered.
    rows = wait_until(lambda: _rows_after_reaction(city, before))
    open_settings(follower)
    press(follower, "forget")
    state(follower, "follow")
    expect(reaction).to_have_attribute("aria-pressed", "false")
    left = city.site.inside("rows")
    for table in ("followers_follower", "followers_address", "reactions_reaction"):
        assert left[table] == rows[table] - 1, table
    assert follower.context.cookies() == []
    assert follower.evaluate("localStorage.length") == 0


def _rows_after_reaction(city: City, before: int) -> dict[str, int] | None:
    rows: dict[str, int] = city.site.inside("rows")
    return rows if rows["reactions_reaction"] == before + 1 else None


def test_failed_unfollow_is_reported_and_changes_nothing(follower: Page) -> None:
    open_settings(follower)
    with answered(follower, "/api/v1/me", 503, "busy"):
        press(follower, "unfollow")
        expect(follower.locator(".toast")).to_be_visible()
    state(follower, "following")


def _answers(page: Page, permission: str) -> None:
    page.add_init_script(f"Notification.requestPermission = async () => '{permission}'")


def test_denied_permission_shows_how_to_grant_it_in_this_browser(
    city: City, device: BrowserContext
) -> None:
    page = device.new_page()
    # However little room this machine has: it would look like a private window.
    page.add_init_script("StorageManager.prototype.estimate = async () => ({ quota: 1e12 })")
    _answers(page, "denied")
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "denied")
    expect(page.locator("#follow-state [data-browser=chrome]")).to_be_visible()
    expect(page.locator("#follow-state [data-browser]:visible")).to_have_count(1)
    press(page, "close")
    state(page, "follow")


def test_dismissed_permission_prompt_is_not_a_denial(city: City, device: BrowserContext) -> None:
    page = device.new_page()
    _answers(page, "default")
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "follow")
    expect(page.locator("#follow-state [data-slot=notice]")).to_be_visible()


def test_permission_prompt_that_is_not_shown_can_be_cancelled(
    city: City, device: BrowserContext
) -> None:
    page = device.new_page()
    page.add_init_script("Notification.requestPermission = () => new Promise(() => {})")
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "asking")
    press(page, "close")
    state(page, "follow")


def test_browser_without_web_push_is_offered_the_feed(city: City, device: BrowserContext) -> None:
    page = device.new_page()
    page.add_init_script("delete window.PushManager")
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "unsupported")
    expect(page.locator("#follow-state a[href$='feed.atom']")).to_be_visible()


def test_private_window_of_chrome_is_explained(city: City, device: BrowserContext) -> None:
    page = device.new_page()
    page.add_init_script(
        "StorageManager.prototype.estimate = async () => ({ quota: 300e6 });"
        "Object.defineProperty(performance, 'memory', { value: { jsHeapSizeLimit: 2e9 } })"
    )
    _answers(page, "denied")
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "private-window")


def test_private_window_of_firefox_is_explained(city: City, device: BrowserContext) -> None:
    page = device.new_page()
    page.add_init_script(
        f"Object.defineProperty(navigator, 'userAgent', {{ value: '{FIREFOX}' }});"
        "delete Navigator.prototype.serviceWorker"
    )
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "private-window")


def test_iphone_is_told_to_add_the_page_to_the_home_screen(
    city: City, device: BrowserContext
) -> None:
    page = device.new_page()
    page.add_init_script(
        f"Object.defineProperty(navigator, 'userAgent', {{ value: '{IPHONE}' }});"
        "delete window.PushManager; delete window.Notification"
    )
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "ios-home-screen")
    expect(page.locator("#follow-state li")).to_have_count(3)


def test_following_is_offered_again_when_the_network_returns(
    city: City, device: BrowserContext
) -> None:
    let_subscribe(device, city.subscription())
    page = open_page(device, city.site.channel)
    device.set_offline(True)
    press(page, "subscribe")
    state(page, "offline")
    device.set_offline(False)
    state(page, "follow")
    press(page, "subscribe")
    state(page, "following")


def test_following_can_be_retried_after_a_server_error(city: City, device: BrowserContext) -> None:
    let_subscribe(device, city.subscription())
    page = open_page(device, city.site.channel)
    with answered(page, "/followers", 502, "<h1>Bad</h1>"):
        press(page, "subscribe")
        state(page, "error")
    press(page, "retry")
    state(page, "following")


def test_revoked_permission_is_explained(city: City, follower: Page) -> None:
    follower.add_init_script(
        "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })"
    )
    follower.reload()
    state(follower, "following")
    expect(follower.locator("#follow-state [data-action=enable-notifications]")).to_be_visible()


def test_focus_moves_on_when_the_button_goes(follower: Page) -> None:
    assert follower.evaluate("document.activeElement.id") == "follow-state"


def test_follower_can_invite_by_link_and_qr_code(city: City, follower: Page) -> None:
    press(follower, "invite")
    dialog = follower.locator("#invite-dialog")
    expect(dialog).to_be_visible()
    link = dialog.locator("[data-slot=url]").input_value()
    assert link.startswith(f"{city.site.url}/i/")
    code = dialog.locator("[data-slot=invite-qr]")
    expect(code).to_have_js_property("complete", True)
    assert code.evaluate("image => image.naturalWidth") > 0
    follower.goto(link)
    assert follower.locator("body").get_attribute("data-invite") == link.rsplit("/", 1)[1]
