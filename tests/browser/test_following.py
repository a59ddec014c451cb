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
INSTAGRAM = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36 Instagram 330.0.0.40.92 Android"
)
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"


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


def test_first_follow_is_a_moment_of_joy(city: City, device: BrowserContext) -> None:
    """Done, counted, topics at once and saved on tap, then the offer to install."""
    let_subscribe(device, city.subscription())
    page = open_page(device, city.site.channel)
    count = page.locator(".followers [data-followers]")
    count.evaluate("(one) => { one.dataset.followers = '1240' }")
    top = page.locator(".follow-card").bounding_box()
    page.locator("#follow-state [data-action=subscribe]").focus()
    page.keyboard.press("Enter")
    state(page, "following")
    line = page.locator("#follow-state .state")
    expect(line).to_contain_text("Fatto! Ti avvisiamo qui.")
    # The button is gone: the line that says what holds now has the focus, and is read.
    expect(line).to_be_focused()
    expect(count).to_have_text("1.241 iscritti")
    assert page.locator(".follow-card").bounding_box()["y"] == top["y"]  # type: ignore[index]
    assert page.evaluate("localStorage.getItem('canale-state-cremona')") == "following"
    topics = page.get_by_role("group", name="Che cosa ti interessa?")
    expect(topics.locator("button")).to_have_count(0)
    place = topics.get_by_label("Viabilità").bounding_box()
    topics.get_by_label("Scuola").check()
    expect(topics.locator("[data-slot=saved]")).to_have_text("Salvato")
    assert topics.get_by_label("Viabilità").bounding_box() == place
    # Taps that come faster than answers are all saved.
    page.evaluate("for (const box of document.querySelectorAll('#topics input')) box.click()")
    expect(topics.locator("[data-slot=saved]")).to_have_text("Salvato")

    offer = page.locator("#install")
    expect(offer).to_be_hidden()
    _offer_install(page, "accepted")
    offer.get_by_role("button", name="Installa").click()
    expect(offer).to_be_hidden()
    assert page.evaluate("prompted") == 1
    _offer_install(page, "accepted")
    expect(offer).to_be_visible()
    offer.get_by_role("button", name="Non ora").click()
    expect(offer).to_be_hidden()
    expect(line).to_be_focused()

    page.reload()
    state(page, "following")
    expect(line).to_have_text("Iscrizione attiva", use_inner_text=True)
    _offer_install(page, "accepted")
    expect(topics).to_be_hidden()
    open_settings(page)
    expect(topics.get_by_label("Viabilità")).to_be_checked()
    expect(topics.get_by_label("Scuola")).not_to_be_checked()
    # Once was asked, and the answer is kept.
    expect(offer).to_be_hidden()


def _offer_install(page: Page, outcome: str) -> None:
    """The browser says that it could install the page, and the citizen answers its question."""
    page.evaluate(
        """(outcome) => {
          window.prompted ??= 0;
          const event = new Event("beforeinstallprompt");
          event.prompt = async () => { window.prompted += 1; };
          event.userChoice = Promise.resolve({ outcome });
          window.dispatchEvent(event);
        }""",
        outcome,
    )


def test_muting_keeps_the_focus_and_survives_a_reload(follower: Page) -> None:
    open_settings(follower)
    mute = follower.locator("#follow-state [data-action=mute]")
    mute.focus()
    follower.keyboard.press("Enter")
    state(follower, "muted")
    expect(mute).to_be_focused()
    expect(follower.locator("#announce")).to_have_text(
        "Notifiche silenziate Le allerte ti arrivano comunque."
    )
    follower.reload()
    state(follower, "muted")
    assert follower.evaluate("localStorage.getItem('canale-state-cremona')") == "muted"
    open_settings(follower)
    press(follower, "mute")
    state(follower, "following")


def test_unfollowing_is_at_once_and_can_be_undone(city: City, follower: Page) -> None:
    before = city.followers()
    follower.get_by_label("Scuola").check()
    expect(follower.locator("[data-slot=saved]")).to_have_text("Salvato")
    open_settings(follower)
    press(follower, "mute")
    state(follower, "muted")
    press(follower, "unfollow")
    state(follower, "follow")
    assert city.followers() == before - 1
    assert follower.evaluate("localStorage.getItem('test-subscribed')") is None
    follower.get_by_role("button", name="Ripristina").click()
    state(follower, "muted")
    assert city.followers() == before
    follower.reload()
    state(follower, "muted")
    open_settings(follower)
    expect(follower.get_by_label("Scuola")).to_be_checked()
    follower.clock.install()
    press(follower, "unfollow")
    undo = follower.get_by_role("button", name="Ripristina")
    expect(undo).to_be_visible()
    follower.clock.fast_forward(6_000)
    expect(undo).to_be_hidden()
    follower.reload()
    state(follower, "follow")
    assert city.followers() == before - 1


def test_forget_me_clears_server_and_device(city: City, follower: Page) -> None:
    post = city.publish("Da dimenticare")
    before = city.site.inside("rows")["reactions_reaction"]
    reaction = react(article(follower, post))
    expect(reaction).to_have_attribute("aria-pressed", "true")
    # The button is pressed before the server has answered.
    rows = wait_until(lambda: _rows_after_reaction(city, before))
    open_settings(follower)
    forget = follower.locator("#follow-state [data-action=forget]")
    # A double click is one press, and one is not enough.
    forget.dblclick()
    expect(forget).to_contain_text("Tocca ancora per cancellare tutto")
    expect(follower.locator("#announce")).to_have_text("Tocca ancora per cancellare tutto")
    state(follower, "following")
    forget.click()
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


@pytest.mark.parametrize(
    ("agent", "way"),
    [
        (INSTAGRAM, "Chrome."),
        (f"{IPHONE} Instagram 330.0", "Safari."),
        ("Reader", "Edge o Safari."),
    ],
)
def test_browser_that_cannot_be_notified_shows_a_way_out(
    city: City, device: BrowserContext, agent: str, way: str
) -> None:
    device.grant_permissions(["clipboard-read", "clipboard-write"])
    page = device.new_page()
    page.add_init_script(
        f"Object.defineProperty(navigator, 'userAgent', {{ value: '{agent}' }});"
        "delete window.PushManager"
    )
    page.goto(f"{city.site.channel}#content")
    press(page, "subscribe")
    state(page, "unsupported")
    expect(page.locator("#follow-state .state [data-system]:visible")).to_contain_text(way)
    page.get_by_role("button", name="Copia").click()
    expect(page.locator("#follow-state [data-slot=copied]")).to_have_text("Copiato.")
    assert page.evaluate("navigator.clipboard.readText()") == city.site.channel
    feeds = page.locator("#follow-state a[href*=feed]")
    expect(feeds).to_have_text(["Feed RSS"])
    chrome = page.get_by_role("link", name="Apri in Chrome")
    if agent != INSTAGRAM:
        return expect(chrome).to_be_hidden()
    target = city.site.channel.removeprefix("http://")
    intent = chrome.get_attribute("href") or ""
    assert intent.startswith(f"intent://{target}#Intent;scheme=http;package=com.android.chrome;")
    return None


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
