# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people do with their own accounts goes into the audit log, too."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.signals import password_changed, user_logged_in
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.dispatch import Signal

from canale.accounts.audit import record
from canale.accounts.models import Staff

# The signals of django-allauth, and what the log calls them.
ACTS: tuple[tuple[Signal, str], ...] = (
    (user_logged_in, "staff.signed_in"),
    (password_changed, "staff.password_changed"),
    (authenticator_added, "staff.factor_added"),
    (authenticator_removed, "staff.factor_removed"),
    (authenticator_reset, "staff.factor_reset"),
)


def keep_account_log() -> None:
    """Called once, when the apps are ready."""
    for signal, act in ACTS:
        signal.connect(_recorder(act), weak=False, dispatch_uid=f"log {act}")


def _recorder(act: str) -> Callable[..., None]:
    def recorded(sender: object, user: Staff, **more: object) -> None:
        for membership in user.memberships.select_related("channel"):
            record(user.email, act, membership.channel.handle)

    return recorded
