# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses are sealed with a new key, and padded, while they change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canale.channel.models import Channel
from canale.followers import rotation
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address, ChannelCount, Follower
from canale.vault import keys as vault_keys
from canale.vault import rotation as vault_rotation
from canale.vault import sealing
from canale.vault.sealing import open_and_check, seal
from tests.sending import city_of

OLD, NEW = "the key before, of a good length", "the key of today, of a good length"


def keys(monkeypatch: pytest.MonkeyPatch, today: str, before: str = "") -> None:
    changed = replace(vault_keys.settings, secret_key=today, old_secret_key=before)
    monkeypatch.setattr(vault_keys, "settings", changed)


def subscribe(city: Channel, endpoint: str) -> Follower:
    address = ("push", {"endpoint": endpoint})
    return follow(city, new_token(), address=address, topics=[], language="it").follower


def opened() -> dict[int, object]:
    """The endpoint of each follower; each is padded, and sealed with today's key."""
    endpoints = {}
    for row in Address.objects.all():
        address, is_current = open_and_check(bytes(row.sealed), row.kind, row.channel_id)
        assert is_current
        endpoints[row.follower_id] = address["endpoint"]
    return endpoints


@pytest.mark.django_db
def test_device_that_follows_again_during_rotation_keeps_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys(monkeypatch, OLD)
    city = city_of(0)
    lost = subscribe(city, "https://push.example/again")
    other = subscribe(city, "https://push.example/other")
    keys(monkeypatch, NEW)
    again = subscribe(city, "https://push.example/again")
    keys(monkeypatch, NEW, OLD)

    steps = list(rotation.reseal_addresses())

    assert [(step.seen, step.resealed, step.lost) for step in steps] == [(3, 2, ())]
    assert opened() == {
        again.pk: "https://push.example/again",
        other.pk: "https://push.example/other",
    }
    assert not Follower.objects.filter(pk=lost.pk).exists()
    assert ChannelCount.objects.get(channel=city).followers == 2


@pytest.mark.django_db
def test_address_changed_since_it_was_read_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    keys(monkeypatch, OLD)
    follower = subscribe(city_of(0), "https://push.example/x")
    keys(monkeypatch, NEW, OLD)
    row = Address.objects.get()
    fresh = seal({"endpoint": "https://push.example/x", "keys": "new"}, "push", row.channel_id)
    read_and_check = vault_rotation.open_and_check

    def changed_since(*sealed: object) -> object:
        Address.objects.filter(pk=row.pk).update(sealed=fresh)
        return read_and_check(*sealed)  # type: ignore[arg-type]

    monkeypatch.setattr(vault_rotation, "open_and_check", changed_since)
    list(rotation.reseal_addresses())

    assert bytes(Address.objects.get().sealed) == fresh
    assert opened() == {follower.pk: "https://push.example/x"}


@pytest.mark.django_db
def test_rotation_pads_rows_that_are_stored_unpadded(monkeypatch: pytest.MonkeyPatch) -> None:
    city = city_of(0)
    with monkeypatch.context() as before:
        before.setattr(sealing, "pad", lambda plain: plain)
        short = subscribe(city, "https://push.example/x")
        long = subscribe(city, f"https://push.example/{'y' * 300}")
    assert len(lengths_at_rest()) == 2
    padded = subscribe(city, "https://push.example/z")

    steps = list(rotation.reseal_addresses())

    assert [(step.seen, step.resealed, step.lost) for step in steps] == [(3, 2, ())]
    assert set(opened()) == {short.pk, long.pk, padded.pk}
    assert len(lengths_at_rest()) == 1
    assert [step.resealed for step in rotation.reseal_addresses()] == [0]


def lengths_at_rest() -> set[int]:
    return {len(sealed) for sealed in Address.objects.values_list("sealed", flat=True)}
