# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people do with their own accounts goes into the audit log, too."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.signals import password_changed, user_logged_in
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in as session_begun
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone

from canale.accounts.audit import record
from canale.accounts.failures import CODE_REFUSED, PASSWORD_REFUSED, note
from canale.accounts.models import Staff
from canale.accounts.sessions import BROWSER, SIGNED_IN_AT, end_sessions
from canale.metrics.refusals import count_refusal
from canale.newsroom.browsers import browser_name
from canale.newsroom.known_device import device_of

# The signals of django-allauth, and what the log calls them.
ACTS: tuple[tuple[Signal, str], ...] = (
    (password_changed, "staff.password_changed"),
    (authenticator_added, "staff.factor_added"),
    (authenticator_removed, "staff.factor_removed"),
    (authenticator_reset, "staff.factor_reset"),
)
# After these, whoever is signed in elsewhere must sign in again.
ENDING = (password_changed, authenticator_added, authenticator_removed, authenticator_reset)


def connect_account_log() -> None:
    """Called once, when the apps are ready."""
    session_begun.connect(_mark_session)
    user_logged_in.connect(_log_sign_in)
    authentication_failed.connect(_code_refused)
    for signal in ENDING:
        signal.connect(_end_other_sessions)
    for signal, act in ACTS:
        signal.connect(_recorder(act), weak=False, dispatch_uid=f"log {act}")


def _recorder(act: str) -> Callable[..., None]:
    def recorded(sender: object, user: Staff, **more: object) -> None:
        for membership in user.memberships.select_related("channel"):
            record(user.email, act, membership.channel.handle)

    return recorded


def password_refused(request: HttpRequest, email: str) -> None:
    """Called for each wrong password; ``email`` may be nobody's."""
    count_refusal("password")
    if request.user.is_authenticated:
        note(PASSWORD_REFUSED, request.user.email, request.user)
    else:
        note(PASSWORD_REFUSED, email, Staff.objects.filter(email__iexact=email).first())


def _code_refused(sender: object, user: Staff, **more: object) -> None:
    count_refusal("code")
    note(CODE_REFUSED, user.email, user)


def _log_sign_in(sender: object, request: HttpRequest, user: Staff, **more: object) -> None:
    """allauth sends this before the browser is remembered."""
    known = device_of(request, user)
    for membership in user.memberships.select_related("channel"):
        act = "staff.signed_in" if known else "staff.signed_in_on_new_device"
        record(user.email, act, membership.channel.handle)


def _mark_session(sender: object, request: HttpRequest, **more: object) -> None:
    request.session[SIGNED_IN_AT] = timezone.now().isoformat()
    request.session[BROWSER] = browser_name(request.META.get("HTTP_USER_AGENT", ""))


def _end_other_sessions(sender: object, request: HttpRequest, user: Staff, **more: object) -> None:
    end_sessions(user, keep=request.session.session_key)
