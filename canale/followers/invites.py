# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invites: links that bring others and say nothing about who made them."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import date, timedelta

from django.db.models import F

from canale.channel.models import Channel
from canale.followers.models import Invite

# No vowels and no look-alikes: a code is read out on the phone, and spells no word.
ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
CODE_LENGTH = 10
# Anybody may make one, and most of those that bring somebody do so within days.
UNUSED_DAYS = 30


def make_invite(channel: Channel) -> Invite:
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return Invite.objects.create(channel=channel, code=code)


def find(code: str) -> Invite | None:
    return Invite.objects.select_related("channel").filter(code=code).first()


def count_joined(joined: Counter[tuple[str, int]]) -> set[tuple[str, int]]:
    """Add to the counts of invites; return those that exist.

    ``joined`` is how many followers each brings: {(code, channel's id): number}.
    """
    return {
        (code, channel_id)
        for (code, channel_id), number in sorted(joined.items())
        if Invite.objects.filter(code=code, channel=channel_id).update(joined=F("joined") + number)
    }


def prune(today: date) -> int:
    """Forget older invites that nobody ever used."""
    old = Invite.objects.filter(created_on__lt=today - timedelta(days=UNUSED_DAYS), joined=0)
    return old.delete()[0]
