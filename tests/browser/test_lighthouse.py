# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lighthouse's categories that no busy machine can change. `bin/bench paint` measures the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.paint import CATEGORIES, lighthouse
from bench.rounds import CannotRunError
from tests.browser.pages import City, needs_chromium, picture

pytestmark = [*needs_chromium, pytest.mark.long]


def test_lighthouse_finds_nothing_but_the_time_that_it_took(city: City) -> None:
    try:
        judge = lighthouse()
    except CannotRunError as why:
        pytest.skip(str(why))
    soon = (datetime.now(UTC) + timedelta(days=4)).isoformat()
    image = {"data": picture(), "alt": "Il ponte"}
    post = city.publish("Concerto", kind="event", starts_at=soon, place="Piazza", images=[image])
    urls = (city.site.channel, f"{city.site.channel}p/{post}")
    scores = {url: judge(url) for url in urls}
    for url in urls:
        for category in set(CATEGORIES) - {"performance"}:
            assert scores[url][category] == 100, (url, category)
