# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""WCAG 2.2 AA as far as axe-core sees it, on every public page and in every state; reflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.browser.pages import DESKTOP, PHONE, City, needs_chromium, open_page, picture

pytestmark = needs_chromium

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
Scheme = Literal["light", "dark"]
Look = tuple[Scheme, ViewportSize]
LOOKS: tuple[Look, ...] = (
    *(("light", PHONE), ("dark", DESKTOP)),
    *(("dark", PHONE), ("light", DESKTOP)),
)
STATES = (
    *("follow", "asking", "following", "muted", "ios-home-screen"),
    *("denied", "unsupported", "unreachable", "private-window", "blocked", "offline", "error"),
)
MARKUP = "*a* _b_ ~c~\n- d\n- e\n> f https://a.it/g"
ALL_RULES = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"}


@pytest.fixture(scope="module")
def posts(city: City) -> dict[str, int]:
    """A post of every kind, with everything that a post can have."""
    images = [{"data": picture("#0066cc"), "alt": "Piazza"}, {"data": picture(), "alt": "Ponte"}]
    soon, later = "2099-05-01T18:00:00+02:00", "2099-05-01T20:00:00+02:00"
    moment = {"starts_at": soon, "ends_at": later, "place": "Duomo"}
    made = {
        "news": city.publish("Notizia", text=MARKUP, images=images),
        "event": city.publish("Concerto", kind="event", **moment),
        "deadline": city.publish("Bando", kind="deadline", starts_at=soon, topics=["scuola"]),
        "service": city.publish("Strada chiusa", kind="service", ends_at=later, images=images[:1]),
        "alert": city.publish("Piena", kind="alert"),
        "over": city.publish("Vento", kind="alert"),
        "withdrawn": city.publish("Errore"),
    }
    city.site.inside("preview", [made["news"], "Il calendario della raccolta", picture()])
    city.publish("Vento finito", kind="alert", all_clear_of=made["over"])
    city.correct(made["news"], note="Cambia l’ora")
    city.withdraw(made["withdrawn"])
    return made


def in_looks(*short_form: Look) -> pytest.MarkDecorator:
    """Runs a test in every look; the short form does so in some of them."""
    looks = [
        pytest.param(
            look,
            id=f"{look[0]}-{look[1]['width']}",
            marks=() if look in short_form else pytest.mark.long,
        )
        for look in LOOKS
    ]
    return pytest.mark.parametrize("look", looks, indirect=True)


@pytest.fixture
def look(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    scheme, viewport = request.param
    context = browser.new_context(
        viewport=viewport, color_scheme=scheme, locale="it-IT", reduced_motion="reduce"
    )
    yield context
    context.close()


def violations(page: Page) -> list[str]:
    """Return axe's findings, each with its rule and element."""
    # Until then, posts below the screen have a guessed place.
    page.wait_for_function(
        "() => !document.querySelector('#posts .post') || document.querySelector('.laid-out')"
    )
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    # Passing rules are left out of the report: they take half of the time.
    found: list[str] = page.evaluate(
        """async (tags) => (
          await axe.run(document, { runOnly: tags, resultTypes: ["violations"] })
        ).violations.flatMap((one) =>
          one.nodes.map((node) => `${one.id}: ${node.html} ${node.failureSummary}`))""",
        sorted(ALL_RULES),
    )
    return found


def paths(posts: dict[str, int]) -> list[str]:
    own = [
        f"/c/cremona/p/{posts[name]}" for name in ("news", "event", "alert", "over", "withdrawn")
    ]
    standing = ["/privacy", "/legal", "/accessibility", "/media-policy", "/offline", "/not-there"]
    older = f"/c/cremona/older?before={posts['alert']}"
    return ["/c/cremona/", older, *own, *standing]


@in_looks(*LOOKS[:2])
def test_every_page_passes_axe(city: City, posts: dict[str, int], look: BrowserContext) -> None:
    page = look.new_page()
    found = {}
    for path in paths(posts):
        page.goto(city.site.url + path)
        if wrong := violations(page):
            found[path] = wrong
    assert found == {}
    page.goto(f"{city.site.url}/c/cremona/p/{posts['news']}")
    assert page.locator(".preview img").count() == 1


@in_looks(("dark", PHONE))
def test_every_state_of_following_passes_axe(
    city: City, posts: dict[str, int], look: BrowserContext
) -> None:
    page = open_page(look, city.site.channel)
    found = {}
    for name in STATES:
        put_into_state(page, name)
        if wrong := violations(page):
            found[name] = wrong
    assert found == {}


def put_into_state(page: Page, name: str) -> None:
    """Show a state as follow.ts does, with everything open that can be opened."""
    page.evaluate(
        """(name) => {
          const place = document.getElementById("follow-state");
          const template = document.getElementById("state-" + name);
          place.replaceChildren(template.content.cloneNode(true));
          document.getElementById("follow").dataset.state = name;
          for (const part of place.querySelectorAll("[hidden]")) part.hidden = false;
          for (const part of place.querySelectorAll("details")) part.open = true;
          const notices = place.querySelectorAll("[data-slot=notice]");
          for (const part of notices) part.textContent = "Fatto.";
        }""",
        name,
    )


def _withdrawn(page: Page, city: City) -> None:
    post = city.publish("Va via")
    page.locator(f"#post-{post}").wait_for()
    city.withdraw(post)
    page.locator(f"#post-{post} .withdrawn").wait_for()


def _lost(page: Page, city: City) -> None:
    page.context.set_offline(True)
    page.locator("#connection").wait_for()
    page.context.set_offline(False)


OPENED: dict[str, Callable[[Page, City], None]] = {
    "share": lambda page, _: page.locator("article [data-share]").first.click(),
    "lightbox": lambda page, _: page.locator(".album-2 a").first.click(),
    "invite": lambda page, _: page.evaluate("document.getElementById('invite-dialog').showModal()"),
    "official": lambda page, _: page.locator("details.official summary").click(),
    "reactions": lambda page, _: page.locator("article [data-more-reactions]").first.click(),
    "reacted": lambda page, _: page.locator("article .reaction").first.click(),
    "withdrawn": _withdrawn,
    "lost": _lost,
}


@in_looks(("light", PHONE))
def test_dialogs_and_changed_parts_pass_axe(
    city: City, posts: dict[str, int], look: BrowserContext
) -> None:
    page = open_page(look, city.site.channel)
    found = {}
    for name, change in OPENED.items():
        change(page, city)
        if wrong := violations(page):
            found[name] = wrong
        page.keyboard.press("Escape")
    assert found == {}


def test_axe_reports_a_known_violation(city: City, device: BrowserContext) -> None:
    page = open_page(device, city.site.channel)
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x>')")
    assert violations(page) != []


# Reflow (WCAG 1.4.10): 1280 CSS pixels at 400 %.


def test_nothing_scrolls_sideways_at_320_pixels(
    city: City, posts: dict[str, int], browser: Browser
) -> None:
    long = "Precipitevolissimevolmente" * 3
    city.publish(
        long[:80], text=f"https://example.it/{long}", images=[{"data": picture(), "alt": "x"}]
    )
    context = browser.new_context(viewport={"width": 320, "height": 640}, locale="it-IT")
    page = context.new_page()
    wide = []
    for path in paths(posts):
        page.goto(city.site.url + path)
        if _is_wide(page):
            wide.append(path)
    page.goto(city.site.channel)
    for name in STATES:
        put_into_state(page, name)
        if _is_wide(page):
            wide.append(name)
    context.close()
    assert wide == []


def _is_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > 320"))


def test_every_control_is_reachable_by_keyboard(
    city: City, posts: dict[str, int], device: BrowserContext
) -> None:
    page = open_page(device, city.site.channel)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.reload()
    unreached = set(
        page.locator("a:visible, button:visible, summary:visible").evaluate_all(
            "all => all.map((one, place) => one.dataset.place = String(place))"
        )
    )
    for _ in range(len(unreached) + 5):
        page.keyboard.press("Tab")
        unreached.discard(page.evaluate("document.activeElement.dataset.place ?? ''"))
    assert unreached == set()
