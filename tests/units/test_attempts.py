# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two connections never take the same last place, and a code opens at one of two processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.db import connection

from canale.accounts import attempts
from canale.accounts.attempts import Limit
from canale.accounts.models import AttemptCount, Staff
from canale.newsroom.mfa_forms import spend

# The statements are our own: both databases run them.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
# SQLite's database in memory does not wait for another connection; flows/test_sign_in_limits.py
# has one in a file.
with_connections = pytest.mark.postgres(only="needs a database for several connections")
T = TypeVar("T")
LIMITS = [Limit("password", "192.0.2.1", 10, 60), Limit("password", "account 1", 100, 300)]


def at_once(act: Callable[[], T], threads: int = 4) -> list[T]:
    barrier = Barrier(threads)

    def acting(_: int) -> T:
        barrier.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(acting, range(threads)))


@with_connections
def test_concurrent_attempts_do_not_exceed_the_limit() -> None:
    taken = at_once(lambda: [attempts.take(LIMITS) for _ in range(5)])
    waits = [wait for each in taken for wait in each]
    assert waits.count(None) == 10
    assert all(0 < wait <= 60 for wait in waits if wait is not None)
    # An attempt that one limit refused is not counted by the other.
    assert sorted(AttemptCount.objects.values_list("used", flat=True)) == [10, 10]


def test_attempt_that_is_given_back_does_not_count() -> None:
    for _ in range(12):
        assert attempts.take(LIMITS) is None
        attempts.refund(LIMITS)
    attempts.refund(LIMITS)
    assert set(AttemptCount.objects.values_list("used", flat=True)) == {0}


def test_rows_contain_no_address_or_account() -> None:
    attempts.take(LIMITS)
    rows = str(list(AttemptCount.objects.values()))
    assert "192.0.2.1" not in rows
    assert "account" not in rows


@with_connections
def test_code_is_accepted_once_under_concurrency() -> None:
    secret = totp.generate_totp_secret()
    staff = Staff.objects.create_user("a@cremona.test", "acqua alta sul fiume Po")
    authenticator = totp.TOTP.activate(staff, secret).instance
    counter = int(time.time()) // 30
    code = totp.format_hotp_value(totp.hotp_value(secret, counter))
    assert sorted(at_once(lambda: spend(authenticator, code))) == [False, False, False, True]
    earlier = totp.format_hotp_value(totp.hotp_value(secret, counter - 1))
    assert not spend(authenticator, earlier)
