# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is sealed opens only here, only whole, only in its own place."""

from __future__ import annotations

import pytest

from canale.followers import vault
from canale.followers.vault import VaultError, derived_key, fingerprint, open_sealed, seal

ADDRESS = {"endpoint": "https://push.example/secret", "keys": {"p256dh": "B…", "auth": "a"}}


def test_an_address_comes_back_as_it_was() -> None:
    assert open_sealed(seal(ADDRESS, "push", 1), "push", 1) == ADDRESS


def test_a_sealed_address_says_nothing_and_is_never_the_same() -> None:
    first, second = seal(ADDRESS, "push", 1), seal(ADDRESS, "push", 1)
    assert first != second
    assert b"push.example" not in first
    assert b"secret" not in first


@pytest.mark.parametrize(("kind", "channel"), [("email", 1), ("push", 2)])
def test_it_cannot_be_moved_to_another_row(kind: str, channel: int) -> None:
    with pytest.raises(VaultError):
        open_sealed(seal(ADDRESS, "push", 1), kind, channel)


@pytest.mark.parametrize("place", [0, 11, 12, 40, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(seal(ADDRESS, "push", 1))
    sealed[place] ^= 1
    with pytest.raises(VaultError):
        open_sealed(bytes(sealed), "push", 1)
    for cut in (b"", b"short", bytes(sealed[:20])):
        with pytest.raises(VaultError):
            open_sealed(cut, "push", 1)


def test_another_key_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(ADDRESS, "push", 1)
    with monkeypatch.context() as other:
        vault._cipher.cache_clear()
        other.setattr(vault, "derived_key", lambda purpose: b"x" * 32)
        with pytest.raises(VaultError):
            open_sealed(sealed, "push", 1)
    vault._cipher.cache_clear()
    assert open_sealed(sealed, "push", 1) == ADDRESS


def test_each_purpose_has_its_own_key() -> None:
    purposes = ("vault", "fingerprint", "reader", "vapid")
    assert len({derived_key(purpose) for purpose in purposes}) == len(purposes)


def test_a_fingerprint_finds_duplicates_and_tells_nothing() -> None:
    assert fingerprint("https://a") == fingerprint("https://a")
    assert fingerprint("https://a") != fingerprint("https://b")
    assert len(fingerprint("https://a")) == 32
