# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many rows a stranger can make, and how long they stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from canale.accounts.models import StaffSession
from canale.channel.channels import create_channel
from canale.followers import invites
from canale.followers.models import Invite
from canale.net.rate_limits import RateLimiter
from canale.newsroom import start_views

CHALLENGE = "/newsroom/accounts/2fa/webauthn/login/"


class Limited:
    rate_limits = True


@pytest.mark.django_db
def test_passkey_challenges_are_limited_per_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_views, "settings", Limited())
    monkeypatch.setattr(start_views, "_limiter", RateLimiter())
    answers = [
        Client().get(CHALLENGE, headers={"x-requested-with": "XMLHttpRequest"}) for _ in range(60)
    ]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429] * 30
    assert int(answers[-1]["Retry-After"]) > 0
    assert StaffSession.objects.count() == 30
    other = Client(REMOTE_ADDR="192.0.2.9")
    assert other.get(CHALLENGE, headers={"x-requested-with": "XMLHttpRequest"}).status_code == 200


@pytest.mark.django_db
def test_unused_invites_are_deleted_after_a_month() -> None:
    city, today = create_channel("cremona", "Comune di Cremona"), timezone.localdate()
    ages = {"unused": 31, "new": 29, "used": 400}
    made = {}
    for name, days in ages.items():
        made[name] = invites.make_invite(city)
        Invite.objects.filter(pk=made[name].pk).update(
            created_on=today - timedelta(days=days), joined=int(name == "used")
        )
    assert invites.prune(today) == 1
    assert set(Invite.objects.values_list("pk", flat=True)) == {made["new"].pk, made["used"].pk}
