# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One site and one browser for a file's tests; a fresh device for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.pages import (
    PHONE,
    City,
    chromium,
    let_subscribe,
    new_city,
    open_page,
    press,
    state,
)

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with new_city(tmp_path_factory.mktemp("city")) as running:
        yield running


# Not for the session: while Playwright runs, no other test can start an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def device(browser: Browser) -> Iterator[BrowserContext]:
    """A citizen's phone that was never here before. Errors of scripts fail the test."""
    context = browser.new_context(viewport=PHONE, locale="it-IT", has_touch=True)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert errors == []


@pytest.fixture
def follower(city: City, device: BrowserContext) -> Page:
    """A page whose reader has just followed."""
    let_subscribe(device, city.subscription())
    page = open_page(device, city.site.channel)
    press(page, "subscribe")
    state(page, "following")
    return page
