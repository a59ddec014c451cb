# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who works in a channel's newsroom: given a role, given another, gone."""

from __future__ import annotations

from django.db import transaction

from canale.accounts import audit
from canale.accounts.addresses import address
from canale.accounts.models import Membership, Role, Staff
from canale.channel.models import Channel


class LastAdministratorError(Exception):
    """What was asked would leave something broken; the message says what."""


@transaction.atomic
def add(channel: Channel, email: str, role: Role, password: str, *, by: str) -> Staff:
    """Create an account with a role in the channel. The caller has validated the password."""
    staff = Staff.objects.create_user(email, password)
    Membership.objects.create(staff=staff, channel=channel, role=role)
    audit.record(by, "staff.added", channel.handle, email=staff.email, role=role.value)
    return staff


@transaction.atomic
def give_role(channel: Channel, staff: Staff, role: Role, *, by: str) -> None:
    """Set the role of an existing account.

    Raises LastAdministratorError if the channel would be left without an administrator.
    """
    if role != Role.ADMIN:
        _keep_an_administrator(channel, staff)
    _, is_new = Membership.objects.update_or_create(
        staff=staff, channel=channel, defaults={"role": role}
    )
    act = "staff.added" if is_new else "staff.role_changed"
    audit.record(by, act, channel.handle, email=staff.email, role=role.value)


@transaction.atomic
def remove(channel: Channel, staff: Staff, *, by: str) -> None:
    """Out of the channel; out of canale, with passkeys and all, if it was the last one.

    What they did stays in the log. Raises LastAdministratorError if nobody would be administrator.
    """
    _keep_an_administrator(channel, staff)
    Membership.objects.filter(staff=staff, channel=channel).delete()
    audit.record(by, "staff.removed", channel.handle, email=staff.email)
    if not staff.memberships.exists():
        staff.delete()


def _keep_an_administrator(channel: Channel, staff: Staff) -> None:
    there = Membership.objects.filter(channel=channel, role=Role.ADMIN)
    if there.filter(staff=staff).exists() and not there.exclude(staff=staff).exists():
        raise LastAdministratorError(
            f"{staff.email} is the only administrator of {channel.handle}; make another first"
        )


@transaction.atomic
def change_email(staff: Staff, email: str, *, by: str) -> None:
    """They sign in with the new one; password, passkeys and roles stay. It has been checked."""
    old, staff.email = staff.email, address(email)
    staff.save(update_fields=["email"])
    audit.record(by, "staff.email_changed", email=staff.email, before=old)
