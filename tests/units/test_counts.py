# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The number of followers is right, whoever else counts at the same moment."""

from __future__ import annotations

import pytest

from canale.channel.channels import create_channel
from canale.followers.addresses import delete_gone
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.following import delete_followers
from canale.followers.models import Address, ChannelCount, Follower

pytestmark = pytest.mark.django_db


def subscription(number: int) -> tuple[str, dict[str, object]]:
    return "push", {"endpoint": f"https://push.example/{number}"}


def count() -> int:
    return ChannelCount.objects.get().followers


def test_follower_deleted_twice_is_counted_once() -> None:
    channel = create_channel("cremona", "Cremona")
    followed = [
        follow(channel, new_token(), address=subscription(n), topics=[], language="it").follower
        for n in range(3)
    ]
    assert count() == 3
    assert delete_followers([followed[0].pk]) == 1
    assert delete_followers([followed[0].pk]) == 0
    assert count() == 2


def test_followers_of_gone_addresses_are_deleted() -> None:
    channel = create_channel("cremona", "Cremona")
    for number in range(5):
        follow(channel, new_token(), address=subscription(number), topics=[], language="it")
    gone = list(Address.objects.values_list("pk", flat=True)[:3])
    delete_gone(gone)
    delete_gone(gone)
    assert (count(), Follower.objects.count(), Address.objects.count()) == (2, 2, 2)
