# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passwords do not fill the memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from tests.waiting import TIMEOUT_SECONDS

pytestmark = pytest.mark.usefixtures("real_hasher")


def test_concurrent_password_hashes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, under_way, most = threading.Lock(), 0, 0
    together = threading.Barrier(2)

    def verify(self: Argon2PasswordHasher, password: str, encoded: str) -> bool:
        nonlocal under_way, most
        with counted:
            under_way += 1
            most = max(most, under_way)
        # Two at once, if two may be: each waits for the other.
        with suppress(threading.BrokenBarrierError):
            together.wait(TIMEOUT_SECONDS)
        with counted:
            under_way -= 1
        return True

    kept = make_password("acqua alta")
    monkeypatch.setattr(Argon2PasswordHasher, "verify", verify)
    with ThreadPoolExecutor(8) as people:
        assert all(people.map(lambda _: check_password("x", kept), range(16)))
    assert most == 2


def test_hashed_password_is_verified() -> None:
    kept = make_password("acqua alta")
    assert kept.startswith("argon2$argon2id$")
    assert check_password("acqua alta", kept)
    assert not check_password("acqua bassa", kept)
