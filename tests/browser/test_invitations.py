# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""An invitation's code: from the link or the QR code to the follow that it counts."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.pages import (
    City,
    let_subscribe,
    needs_chromium,
    open_page,
    open_settings,
    press,
    state,
)

pytestmark = needs_chromium


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


def test_app_installed_from_an_invite_follows_with_its_code_once(
    city: City, device: BrowserContext
) -> None:
    """It starts with the code each time, and is the channel's app all the same."""
    let_subscribe(device, city.subscription())
    start = f"{city.site.channel}?i=bcdfghjkmn"
    page = open_page(device, start)
    expect(page).to_have_url(city.site.channel)
    assert _followed_with(page, "subscribe") == "bcdfghjkmn"
    open_settings(page)
    press(page, "unfollow")
    state(page, "follow")
    assert _followed_with(page, "undo") is None
    for address in (start, f"{city.site.url}/", start):
        page.goto(address)
        state(page, "following")
        open_settings(page)
        press(page, "unfollow")
        state(page, "follow")
        assert _followed_with(page, "subscribe") is None
    expect(page).to_have_url(city.site.channel)


def test_invite_goes_along_to_the_other_language_and_to_a_post(
    city: City, device: BrowserContext
) -> None:
    let_subscribe(device, city.subscription())
    post = city.publish("Da leggere prima")
    page = open_page(device, f"{city.site.channel}?i=bcdfghjkmn&from=app")
    page.locator(".languages a[lang=en]").first.click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{city.site.channel}p/{post}")
    assert _followed_with(page, "subscribe") == "bcdfghjkmn"
    assert page.evaluate("sessionStorage.length") == 0


def test_invite_does_not_count_a_reader_who_follows_already(city: City, follower: Page) -> None:
    press(follower, "invite")
    link = follower.locator("#invite-dialog [data-slot=url]")
    expect(link).to_have_value(re.compile("/i/"))
    follower.goto(link.input_value())
    state(follower, "following")
    open_settings(follower)
    press(follower, "unfollow")
    state(follower, "follow")
    assert _followed_with(follower, "subscribe") is None


def _followed_with(page: Page, action: str) -> str | None:
    """Press; return the code of the invite that was sent."""
    with page.expect_request("**/followers") as request:
        press(page, action)
    state(page, "following")
    sent: str | None = request.value.post_data_json.get("invite")
    return sent
