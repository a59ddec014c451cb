# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sealed values open only here, unchanged, and in their own place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canale.vault import keys as vault_keys
from canale.vault.fingerprints import fingerprint, fingerprints
from canale.vault.keys import derived_key, key_id
from canale.vault.sealing import VaultError, open_and_check, open_sealed, seal

ADDRESS = {"endpoint": "https://push.example/secret", "keys": {"p256dh": "B…", "auth": "a"}}


def test_sealed_address_is_opened_unchanged() -> None:
    assert open_sealed(seal(ADDRESS, "push", 1), "push", 1) == ADDRESS


def test_sealed_address_is_opaque_and_different_each_time() -> None:
    first, second = seal(ADDRESS, "push", 1), seal(ADDRESS, "push", 1)
    assert first != second
    assert b"push.example" not in first
    assert b"secret" not in first


@pytest.mark.parametrize(("kind", "channel"), [("email", 1), ("push", 2)])
def test_sealed_value_cannot_be_moved_to_another_row(kind: str, channel: int) -> None:
    with pytest.raises(VaultError):
        open_sealed(seal(ADDRESS, "push", 1), kind, channel)


@pytest.mark.parametrize("place", [0, 11, 12, 40, -1])
def test_changed_byte_is_detected(place: int) -> None:
    sealed = bytearray(seal(ADDRESS, "push", 1))
    sealed[place] ^= 1
    with pytest.raises(VaultError):
        open_sealed(bytes(sealed), "push", 1)
    for cut in (b"", b"short", bytes(sealed[:20])):
        with pytest.raises(VaultError):
            open_sealed(cut, "push", 1)


def keys(monkeypatch: pytest.MonkeyPatch, today: str, before: str = "") -> None:
    changed = replace(vault_keys.settings, secret_key=today, old_secret_key=before)
    monkeypatch.setattr(vault_keys, "settings", changed)


def test_another_key_cannot_open(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(ADDRESS, "push", 1)
    with monkeypatch.context() as other:
        keys(other, "x" * 40)
        with pytest.raises(VaultError):
            open_sealed(sealed, "push", 1)
    assert open_sealed(sealed, "push", 1) == ADDRESS


def test_previous_key_opens_during_a_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, mark = seal(ADDRESS, "push", 1), fingerprint("https://a")
    before = vault_keys.settings.secret_key
    keys(monkeypatch, "x" * 40, before)
    assert open_and_check(sealed, "push", 1) == (ADDRESS, False)
    assert open_and_check(seal(ADDRESS, "push", 1), "push", 1) == (ADDRESS, True)
    assert fingerprints("https://a")[1] == mark != fingerprint("https://a")
    keys(monkeypatch, before, "x" * 40)
    assert open_and_check(sealed, "push", 1) == (ADDRESS, True)


def test_key_id_distinguishes_keys_and_reveals_nothing_else() -> None:
    assert len({key_id("a" * 40), key_id("a" * 40), key_id("b" * 40)}) == 2
    assert key_id("a" * 40) not in ("a" * 40, derived_key("vault", "a" * 40).hex()[:16])


def test_each_purpose_has_its_own_key() -> None:
    purposes = ("vault", "fingerprint", "reader", "vapid")
    assert len({derived_key(purpose) for purpose in purposes}) == len(purposes)


def test_fingerprint_finds_duplicates_and_reveals_nothing() -> None:
    assert fingerprint("https://a") == fingerprint("https://a")
    assert fingerprint("https://a") != fingerprint("https://b")
    assert len(fingerprint("https://a")) == 32
