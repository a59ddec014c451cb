# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""*Ascolta* on a post's own page, with a stand-in for the browser's voices."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.pages import City, needs_chromium

pytestmark = needs_chromium

# Like the real one: events come later, a cancelled utterance ends with an error, and a voice stops
# without a word in the middle of a long one.
_VOICES = """
(() => {
  let voices = [], queue = [], current = null;
  const next = () => {
    if (current || !queue.length) return;
    current = queue.shift();
    window.spoken.push([current.lang, current.text, current.voice?.name ?? null]);
    if (!window.held && current.text.length <= 200) setTimeout(window.finish, 0);
  };
  window.spoken = [];
  window.held = false;
  window.finish = () => {
    const ended = current;
    current = null;
    ended?.onend?.({});
    next();
  };
  const synthesis = new EventTarget();
  synthesis.getVoices = () => voices;
  synthesis.speak = (said) => { queue.push(said); setTimeout(next, 0); };
  synthesis.cancel = () => {
    const ended = [...(current ? [current] : []), ...queue];
    [current, queue] = [null, []];
    localStorage.setItem("cancelled", Number(localStorage.getItem("cancelled")) + ended.length);
    setTimeout(() => ended.forEach((said) => said.onerror?.({ error: "canceled" })), 0);
  };
  Object.defineProperty(window, "speechSynthesis", { value: synthesis });
  window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
  window.giveVoices = (...given) => {
    voices = given.map(([lang, localService]) =>
      ({ lang, localService, name: lang + localService }));
    synthesis.dispatchEvent(new Event("voiceschanged"));
  };
})()
"""
LONG = "senza mai un punto e ancora " * 20
TEXT = f"In pericolo chiama il 112.\n\n- Piano terra\nsubito\n- Cantine. Anche i garage\n\n{LONG}"


@pytest.fixture
def page(city: City, device: BrowserContext) -> Page:
    """The page of an event, in English."""
    post = city.publish(
        "Il Po sale", text=TEXT, kind="event", starts_at="2099-05-01", place="Lungo Po"
    )
    page = device.new_page()
    page.add_init_script(_VOICES)
    page.goto(f"{city.site.channel}p/{post}?lang=en")
    return page


def spoken(page: Page) -> list[list[Any]]:
    said: list[list[Any]] = page.evaluate("window.spoken")
    return said


def test_post_is_read_aloud_in_its_language_sentence_by_sentence(page: Page) -> None:
    button = page.locator("[data-listen]")
    after = page.locator(".more")
    place = after.bounding_box()
    page.evaluate("window.giveVoices(['en-US', true])")
    expect(button).to_be_hidden()
    # Android writes an underscore. A voice of the device does not send the text anywhere.
    page.evaluate("window.giveVoices(['en-US', true], ['it-IT', false], ['it_IT', true])")
    expect(button).to_have_text("Listen", use_inner_text=True)
    box = button.bounding_box()
    assert box
    assert box["height"] >= 44
    assert after.bounding_box() == place
    page.evaluate("window.held = true")
    button.click()
    expect(button).to_have_text("Stop", use_inner_text=True)
    page.wait_for_function("() => window.spoken.length === 1")
    page.evaluate("window.held = false; window.finish()")
    expect(button).to_have_text("Listen", use_inner_text=True)
    said = spoken(page)
    assert [each[:2] for each in said[:5]] == [
        ["it", "Il Po sale"],
        ["en", "Friday 1 May 2099"],
        ["it", "Lungo Po"],
        ["it", "In pericolo chiama il 1 1 2."],
        ["it", "Piano terra"],
    ]
    assert [each[1] for each in said[6:8]] == ["Cantine.", "Anche i garage"]
    assert "".join(each[1] for each in said[8:]).replace(" ", "") == LONG.replace(" ", "")
    assert {each[2] for each in said} == {"it_ITtrue", "en-UStrue"}


def test_reading_stops_on_press_and_on_leaving(city: City, page: Page) -> None:
    page.evaluate("window.giveVoices(['it-IT', true])")
    page.evaluate("window.held = true")
    button = page.locator("[data-listen]")
    button.click()
    page.wait_for_function("() => window.spoken.length === 1")
    button.click()
    expect(button).to_have_text("Listen", use_inner_text=True)
    # The error of what was cancelled does not begin the next sentence.
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert len(spoken(page)) == 1
    button.click()
    page.wait_for_function("() => window.spoken.length === 2")
    assert spoken(page)[0] == spoken(page)[1]
    page.goto(city.site.channel)
    assert page.evaluate("localStorage.getItem('cancelled')") == "2"
    expect(page.locator("[data-listen]")).to_have_count(0)
