# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whose word about a reader's address and scheme is believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.site import HANDLE, Site, new_site

TRIES = 21  # One more than a client may guess tokens in a minute (api/guards.py).


@pytest.fixture(params=["trusted", "stranger"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Site, bool]]:
    trusted = request.param == "trusted"
    proxies = {} if trusted else {"CANALE_TRUSTED_PROXIES": "10.9.9.9"}
    with new_site(tmp_path, CANALE_RATE_LIMITS="on", **proxies) as site:
        yield site, trusted


def test_a_readers_address_comes_from_trusted_proxies_only(city: tuple[Site, bool]) -> None:
    site, trusted = city
    statuses = [guess(site, {"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(TRIES)]
    assert statuses[:20] == [401] * 20
    assert statuses[20] == (401 if trusted else 429)
    if trusted:
        # What the reader itself wrote stands on the left, and counts for nothing.
        forged = [
            guess(site, {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"}) for n in range(TRIES)
        ]
        assert forged[20] == 429


def test_a_scheme_comes_from_trusted_proxies_only(city: tuple[Site, bool]) -> None:
    site, trusted = city
    said = {"X-Forwarded-Proto": "https", "Origin": f"https://localhost:{site.port}"}
    body = {"topics": [], "language": "it"}
    answer = httpx.post(
        f"{site.api}/channels/{HANDLE}/followers", json=body, headers=said, timeout=30
    )
    # Same origin only if the page was read over https; then the call itself is looked at.
    assert (answer.status_code == 403) is not trusted


def guess(site: Site, headers: dict[str, str]) -> int:
    return httpx.post(
        f"{site.api}/channels/{HANDLE}/posts",
        json={"headline": "x"},
        headers={"Authorization": "Bearer canale_wrong", **headers},
        timeout=30,
    ).status_code
