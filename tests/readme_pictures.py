# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the pictures of the README from the demonstration city: bin/readme-pictures runs this."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import DESKTOP, PHONE, City, chromium, let_subscribe, press, state
from tests.site import HANDLE, new_site
from tests.standins.push_service import PushService
from tests.structure.repository import ROOT

IMAGES = ROOT / "docs/images"
PHONE_SCALE = 1.5
EDITOR = "redazione@demo.example"


def _in_days(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=days)}"


ALERT: dict[str, object] = {
    "kind": "alert",
    "topics": ["protezione-civile"],
    "headline": "Vento forte: stasera resta a casa",
    "text": (
        "Non uscire dalle 20 alle 6: raffiche fino a *100 km/h*.\n\n"
        "- stai lontano da alberi e impalcature\n"
        "- metti al riparo vasi e biciclette\n"
        "- parchi e cimitero chiusi fino a domattina\n"
        "- se sei in pericolo chiama il *112*\n\n"
        "Albero caduto? Protezione civile: 0372 000 660."
    ),
}
MARKET = {
    "headline": "Mercato contadino in piazza Stradivari",
    "text": (
        "Porta la borsa: quaranta banchi *dalle 8 alle 13*.\n"
        "- formaggi e miele\n- pane e torrone\n\n"
        "Vieni in bici: il parcheggio è _custodito e gratis_."
    ),
    "starts_at": _in_days(4),
    "starts_at_time": "08:00",
    "place": "Piazza Stradivari",
}


def main() -> None:
    with (
        TemporaryDirectory() as folder,
        PushService() as push,
        new_site(Path(folder), start=False, init=False, CANALE_PUSH_ORIGINS=push.origin) as site,
        chromium() as browser,
    ):
        site.run("demo", "--handle", HANDLE)
        site.start()
        city = City(site, push, site.token())
        password = (Path(site.environment["CANALE_DATA"]) / "demo-newsroom").read_text().strip()
        _channel(city, browser)
        _event(city, browser)
        _alert(city, browser)
        _newsroom(city, browser, password)


def _channel(city: City, browser: Browser) -> None:
    with _phone(browser) as page:
        _follow(city, page)
        # The row of a follower who comes back.
        page.reload()
        state(page, "following")
        _keep(page, "channel")


def _follow(city: City, page: Page) -> None:
    let_subscribe(page.context, city.subscription())
    page.goto(city.site.channel)
    press(page, "subscribe")
    state(page, "following")


def _event(city: City, browser: Browser) -> None:
    with _phone(browser, color_scheme="dark") as page:
        page.goto(city.site.channel)
        event = page.locator(".post[data-kind=event]:has(.album-4)").first
        event.evaluate("(post) => scrollTo(0, post.getBoundingClientRect().top + scrollY - 70)")
        for image in event.locator("img").all():
            expect(image).to_have_js_property("complete", True)
        _keep(page, "event-dark")


def _alert(city: City, browser: Browser) -> None:
    # In the city's time.
    post = city.publish(**ALERT, ends_at=f"{_in_days(1)}T06:00")
    with _phone(browser) as page:
        _follow(city, page)
        page.goto(f"{city.site.channel}p/{post}")
        _keep(page, "alert")


def _newsroom(city: City, browser: Browser, password: str) -> None:
    context = browser.new_context(viewport=DESKTOP, locale="it-IT")
    page = context.new_page()
    page.goto(f"{city.site.url}/newsroom/")
    page.fill("#id_login", EDITOR)
    page.fill("#id_password", password)
    page.locator("form.composer button").click()
    page.goto(f"{city.site.url}/newsroom/c/{HANDLE}/posts/new/")
    page.check("[name=kind][value=event]")
    for name, words in MARKET.items():
        page.fill(f"#id_{name}", words)
    expect(page.locator("#preview .notification")).to_contain_text(MARKET["place"])
    page.locator("h1").click()
    _keep(page, "newsroom-write")
    context.close()


@contextmanager
def _phone(browser: Browser, **more: Any) -> Iterator[Page]:
    scale = {"device_scale_factor": PHONE_SCALE, "has_touch": True}
    context = browser.new_context(viewport=PHONE, locale="it-IT", **scale, **more)
    yield context.new_page()
    context.close()


def _keep(page: Page, name: str) -> None:
    """Save what the screen shows, in 256 colours: half the size, and no difference to be seen."""
    page.evaluate("document.fonts.ready")
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as shot:
        shot.convert("RGB").quantize(256).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
