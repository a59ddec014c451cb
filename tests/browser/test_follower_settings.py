# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A follower's page while the server does not say what the follower chose."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import City, needs_chromium, open_settings, press, state

pytestmark = needs_chromium

# Playwright's `route` misses calls of a page that a service worker has just taken over.
_FAILING_ME = """
  const realFetch = window.fetch;
  window.fetch = (url, options) =>
    String(url).endsWith("/api/v1/me") && sessionStorage.getItem("test-fails")
      ? Promise.resolve(new Response("", { status: 500 })) : realFetch(url, options);
"""


@pytest.mark.parametrize("fault", ["500", "offline"])
def test_settings_that_cannot_be_loaded_say_so_and_are_loaded_again(
    city: City, follower: Page, fault: str
) -> None:
    follower.get_by_label("Scuola").check()
    expect(follower.locator("[data-slot=saved]")).to_have_text("Salvato")
    follower.wait_for_function("() => navigator.serviceWorker.controller")
    follower.reload()
    follower.add_init_script(_FAILING_ME)
    follower.evaluate("sessionStorage.setItem('test-fails', '1')")
    follower.context.set_offline(fault == "offline")
    follower.reload()
    state(follower, "following")
    open_settings(follower)
    lost = follower.locator("#unloaded")
    expect(lost).to_contain_text("Non è stato possibile caricare le tue impostazioni")
    expect(follower.locator("#settings, #topics")).to_have_count(2)
    assert not follower.locator("#settings, #topics, #install").filter(visible=True).count()
    press(follower, "reload")
    expect(follower.locator(".toast")).to_be_visible()
    expect(lost).to_be_visible()
    follower.evaluate("sessionStorage.removeItem('test-fails')")
    if fault == "offline":
        follower.context.set_offline(False)
    else:
        press(follower, "reload")
    expect(follower.get_by_label("Scuola")).to_be_checked()
    expect(lost).to_be_hidden()
    expect(follower.locator("#follow-state .state")).to_have_text(
        "Iscrizione attiva", use_inner_text=True
    )


def test_settings_are_loaded_after_the_first_act_that_succeeds(city: City, follower: Page) -> None:
    """The page of a device whose notifications are off has an act beside the settings."""
    follower.get_by_label("Scuola").check()
    expect(follower.locator("[data-slot=saved]")).to_have_text("Salvato")
    follower.add_init_script(_FAILING_ME)
    follower.evaluate("sessionStorage.setItem('test-fails', '1')")
    follower.evaluate("localStorage.setItem('canale-state-cremona', 'off')")
    follower.reload()
    state(follower, "following")
    open_settings(follower)
    expect(follower.locator("#unloaded")).to_be_visible()
    follower.evaluate("sessionStorage.removeItem('test-fails')")
    press(follower, "enable-notifications")
    state(follower, "following")
    # The question of the browser closed them.
    open_settings(follower)
    expect(follower.locator("#settings, #topics").filter(visible=True)).to_have_count(2)
    expect(follower.get_by_label("Scuola")).to_be_checked()
    expect(follower.locator("#unloaded")).to_be_hidden()


def test_device_that_no_longer_follows_learns_it_with_the_settings(follower: Page) -> None:
    follower.add_init_script(_FAILING_ME)
    follower.evaluate("sessionStorage.setItem('test-fails', '1')")
    follower.context.clear_cookies()
    follower.reload()
    state(follower, "following")
    open_settings(follower)
    follower.evaluate("sessionStorage.removeItem('test-fails')")
    press(follower, "reload")
    state(follower, "follow")
    expect(follower.locator("html:not([data-follows])")).to_be_attached()
