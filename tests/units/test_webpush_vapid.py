# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The VAPID token, read as a push service reads it."""

from __future__ import annotations

import json
import time

import pytest

from canale.delivery.transports.webpush.vapid import LIFE, MAX_TOKENS, Authorizer, VapidKey
from tests.standins.webpush_rules import (
    RefusedError,
    check_vapid,
    signed_claims,
    unbase64url,
)

KEY = VapidKey.from_secret(b"s" * 32)
ORIGIN = "https://updates.push.services.mozilla.com"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def claims_of(header: str) -> dict[str, object]:
    token, key = header.removeprefix("vapid t=").split(", k=")
    claims: dict[str, object] = json.loads(signed_claims(token, key))
    return claims


def test_key_depends_only_on_the_secret() -> None:
    assert VapidKey.from_secret(b"s" * 32).public_key == KEY.public_key
    assert VapidKey.from_secret(b"t" * 32).public_key != KEY.public_key
    assert len(unbase64url(KEY.public_key)) == 65


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        VapidKey.from_secret(bytes(31))


def test_a_push_service_accepts_the_token_for_its_own_origin_only() -> None:
    header = Authorizer(KEY, "mailto:urp@comune.example").header(ORIGIN)
    assert check_vapid(header, ORIGIN) == KEY.public_key
    assert claims_of(header)["sub"] == "mailto:urp@comune.example"
    with pytest.raises(RefusedError, match="aud"):
        check_vapid(header, "https://fcm.googleapis.com")


def test_token_is_reused_until_an_hour_before_its_expiry() -> None:
    clock = Clock()
    authorizer = Authorizer(KEY, "mailto:a@b.example", clock)
    first = authorizer.header(ORIGIN)
    clock.now += LIFE - 3601
    assert authorizer.header(ORIGIN) == first
    clock.now += 2
    assert authorizer.header(ORIGIN) != first


def test_a_clock_set_back_makes_a_new_token() -> None:
    clock = Clock()
    authorizer = Authorizer(KEY, "mailto:a@b.example", clock)
    authorizer.header(ORIGIN)
    clock.now -= 7 * 24 * 3600
    assert claims_of(authorizer.header(ORIGIN))["exp"] == int(clock.now) + LIFE


def test_number_of_cached_tokens_is_bounded() -> None:
    authorizer = Authorizer(KEY, "mailto:a@b.example")
    for number in range(MAX_TOKENS + 5):
        authorizer.header(f"https://a{number}.notify.windows.com")
    assert len(authorizer._tokens) <= MAX_TOKENS
