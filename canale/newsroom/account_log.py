# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Receivers of signals that record in the audit log what staff do with their own accounts."""

from __future__ import annotations

from allauth.account.signals import password_changed, user_logged_in
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in as session_started
from django.dispatch import Signal, receiver
from django.http import HttpRequest
from django.utils import timezone

from canale.accounts.audit import record
from canale.accounts.failures import CODE_REFUSED, PASSWORD_REFUSED, count_failure
from canale.accounts.models import Staff
from canale.accounts.sessions import BROWSER, SIGNED_IN_AT, end_sessions
from canale.metrics.refusals import count_refusal
from canale.newsroom.browsers import browser_name
from canale.newsroom.known_device import device_of

# django-allauth's signals, and the audit log's names for them.
ACTS: dict[Signal, str] = {
    password_changed: "staff.password_changed",
    authenticator_added: "staff.factor_added",
    authenticator_removed: "staff.factor_removed",
    authenticator_reset: "staff.factor_reset",
}


def password_refused(request: HttpRequest, email: str) -> None:
    """Count a wrong password; ``email`` may belong to no account."""
    count_refusal("password")
    if request.user.is_authenticated:
        count_failure(PASSWORD_REFUSED, request.user.email, request.user)
    else:
        count_failure(PASSWORD_REFUSED, email, Staff.objects.filter(email__iexact=email).first())


@receiver(authentication_failed)
def code_refused(sender: object, user: Staff, **more: object) -> None:
    count_refusal("code")
    count_failure(CODE_REFUSED, user.email, user)


@receiver(session_started)
def describe_session(sender: object, request: HttpRequest, **more: object) -> None:
    request.session[SIGNED_IN_AT] = timezone.now().isoformat()
    request.session[BROWSER] = browser_name(request.META.get("HTTP_USER_AGENT", ""))


@receiver(user_logged_in)
def log_sign_in(sender: object, request: HttpRequest, user: Staff, **more: object) -> None:
    """Record the sign-in; allauth sends this signal before the browser gets its cookie."""
    known = device_of(request, user)
    for membership in user.memberships.select_related("channel"):
        act = "staff.signed_in" if known else "staff.signed_in_on_new_device"
        record(user.email, act, membership.channel.handle)


@receiver([*ACTS])
def log_account_change(
    sender: object, signal: Signal, request: HttpRequest, user: Staff, **more: object
) -> None:
    """Record the change, and end the person's other sessions."""
    end_sessions(user, keep=request.session.session_key)
    for membership in user.memberships.select_related("channel"):
        record(user.email, ACTS[signal], membership.channel.handle)
