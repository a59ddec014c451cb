# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rule that a channel's newsroom opens only with a second factor (docs/decisions/0049)."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction

from canale.accounts.audit import record
from canale.accounts.models import SecondFactorRule, Staff
from canale.channel.models import Channel

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def is_required(channel: Channel) -> bool:
    return SecondFactorRule.objects.filter(channel=channel).exists()


def has_second_factor(staff: Staff) -> bool:
    """Look for a passkey or an authenticator app; recovery codes alone do not count."""
    return bool(Authenticator.objects.filter(user=staff, type__in=FACTORS).exists())


def is_missing(staff: Staff, channel: Channel) -> bool:
    return is_required(channel) and not has_second_factor(staff)


@transaction.atomic
def require(channel: Channel, *, by: str) -> None:
    """Require a second factor from now on; staff without one see only the pages to add one."""
    if SecondFactorRule.objects.get_or_create(channel=channel)[1]:
        record(by, "second_factor.required", channel.handle)


@transaction.atomic
def make_optional(channel: Channel, *, by: str) -> None:
    if SecondFactorRule.objects.filter(channel=channel).delete()[0]:
        record(by, "second_factor.optional", channel.handle)
