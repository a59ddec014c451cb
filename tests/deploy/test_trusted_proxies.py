# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Only trusted proxies determine a client's address and scheme."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.pace import answers_until_refused
from tests.site import HANDLE, Site, new_site

# A client's attempts to guess tokens: this many at once, and again in a minute (api/guards.py).
GUESSES, MINUTE = 20, 60


@pytest.fixture(params=["trusted", "stranger"], scope="module")
def city(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, bool]]:
    trusted = request.param == "trusted"
    folder = tmp_path_factory.mktemp(request.param)
    proxies = {} if trusted else {"CANALE_TRUSTED_PROXIES": "10.9.9.9"}
    with new_site(folder, CANALE_RATE_LIMITS="on", **proxies) as site:
        yield site, trusted


def test_scheme_is_taken_from_trusted_proxies_only(city: tuple[Site, bool]) -> None:
    site, trusted = city
    said = {"X-Forwarded-Proto": "https", "Origin": f"https://localhost:{site.port}"}
    body = {"topics": [], "language": "it"}
    answer = httpx.post(
        f"{site.api}/channels/{HANDLE}/followers", json=body, headers=said, timeout=30
    )
    # Same origin only if the page was read over https; then the call itself is looked at.
    assert (answer.status_code == 403) is not trusted


def test_client_address_is_taken_from_trusted_proxies_only(city: tuple[Site, bool]) -> None:
    site, trusted = city

    def told(number: int) -> int:
        # The client's own entry is on the left and is ignored.
        forged = f"198.51.100.{number}, 203.0.113.9" if trusted else f"192.0.2.{number}"
        return guess(site, {"X-Forwarded-For": forged})

    if trusted:
        of_others = [guess(site, {"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(2 * GUESSES)]
        assert of_others == [401] * 2 * GUESSES
    statuses = answers_until_refused(told, GUESSES, MINUTE)
    assert statuses[:GUESSES] == [401] * GUESSES


def guess(site: Site, headers: dict[str, str]) -> int:
    return httpx.post(
        f"{site.api}/channels/{HANDLE}/posts",
        json={"headline": "x"},
        headers={"Authorization": "Bearer canale_wrong", **headers},
        timeout=30,
    ).status_code
