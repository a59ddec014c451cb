# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Memberships of a channel's newsroom: add, change a role, remove."""

from __future__ import annotations

from django.db import transaction

from canale.accounts import audit
from canale.accounts.addresses import address
from canale.accounts.models import Membership, Role, Staff
from canale.channel.models import Channel


class LastAdministratorError(Exception):
    """The change would leave the channel without an administrator."""


@transaction.atomic
def add(channel: Channel, email: str, role: Role, password: str, *, by: str) -> Staff:
    """Create an account with a role in the channel. The caller has validated the password."""
    staff = Staff.objects.create_user(email, password)
    Membership.objects.create(staff=staff, channel=channel, role=role)
    audit.record(by, "staff.added", channel.handle, email=staff.email, role=role.value)
    return staff


@transaction.atomic
def give_role(channel: Channel, staff: Staff, role: Role, *, by: str) -> None:
    """Set the role of an existing account. Raises LastAdministratorError."""
    if role != Role.ADMIN:
        _keep_an_administrator(channel, staff)
    _, is_new = Membership.objects.update_or_create(
        staff=staff, channel=channel, defaults={"role": role}
    )
    act = "staff.added" if is_new else "staff.role_changed"
    audit.record(by, act, channel.handle, email=staff.email, role=role.value)


@transaction.atomic
def remove(channel: Channel, staff: Staff, *, by: str) -> None:
    """Remove a person from the channel, and delete the account if it was their last channel.

    Their entries stay in the audit log. Raises LastAdministratorError.
    """
    _keep_an_administrator(channel, staff)
    Membership.objects.filter(staff=staff, channel=channel).delete()
    audit.record(by, "staff.removed", channel.handle, email=staff.email)
    if not staff.memberships.exists():
        staff.delete()


def _keep_an_administrator(channel: Channel, staff: Staff) -> None:
    administrators = Membership.objects.filter(channel=channel, role=Role.ADMIN)
    others = administrators.exclude(staff=staff)
    if administrators.filter(staff=staff).exists() and not others.exists():
        raise LastAdministratorError(
            f"{staff.email} is the only administrator of {channel.handle}; make another first"
        )


@transaction.atomic
def change_email(staff: Staff, email: str, *, by: str) -> None:
    """Change the address that a person signs in with; the caller has validated it.

    Password, passkeys and roles stay.
    """
    old, staff.email = staff.email, address(email)
    staff.save(update_fields=["email"])
    audit.record(by, "staff.email_changed", email=staff.email, before=old)
