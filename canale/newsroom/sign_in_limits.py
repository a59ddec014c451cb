# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Limits on attempts to sign in (docs/decisions/0048).

django-allauth's own limits are off: they live in a cache, count each IPv6 household for itself, and
take the Host header for a part of the account.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from http import HTTPStatus

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_cache_control

from canale.accounts.attempts import Limit, take
from canale.accounts.models import Staff
from canale.net.rate_limits import WIDER, carrier_of, network_of
from canale.newsroom.known_device import device_of

MINUTE, HOUR = 60, 3600
# Wrong passwords: of one household, and of one account from everywhere.
HOUSEHOLD, ACCOUNT, ACCOUNT_SECONDS = 10, 100, 300
# Codes are six digits: at twenty an hour, a million take six years.
CODES = 20
FORMS = 30

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_WAIT_ATTRIBUTE = "_canale_must_wait"


def allow_attempt(request: HttpRequest, limits: Sequence[Limit]) -> bool:
    """Count one attempt. False when it must wait; the answer then says how long."""
    if not django_settings.SIGN_IN_LIMITS:
        return True
    wait = take(limits)
    if wait is not None:
        setattr(request, _WAIT_ATTRIBUTE, wait)
    return wait is None


def password_limits(request: HttpRequest, email: str) -> list[Limit]:
    """The limits that one password, tried for an account, counts against.

    Strangers count by household, by provider (a /48) and by account. A browser that the owner
    signed in with before counts for itself, so that no stranger, not even one behind the same
    address, shuts the owner out.
    """
    if request.user.is_authenticated:
        return _own(f"account {request.user.pk} signed in", request)
    staff = Staff.objects.filter(email__iexact=email).first() if email else None
    device = device_of(request, staff) if staff else None
    if staff and device:
        return _own(f"account {staff.pk} from {device}", request)
    account = f"account {staff.pk}" if staff else f"no account {email.lower()}"
    limits = _networks("password", request, HOUSEHOLD, MINUTE)
    return [*limits, Limit("password", account, ACCOUNT, ACCOUNT_SECONDS)]


def _own(whose: str, request: HttpRequest) -> list[Limit]:
    place = f"{whose} at {network_of(_address(request))}"
    return [
        Limit("password", place, HOUSEHOLD, MINUTE),
        Limit("password", whose, ACCOUNT, ACCOUNT_SECONDS),
    ]


def code_limits(request: HttpRequest, staff: Staff) -> list[Limit]:
    """A thief of the password cannot use up the owner's guesses either."""
    device = device_of(request, staff)
    whose = f"account {staff.pk}" + (f" from {device}" if device else "")
    return [Limit("code", whose, CODES, HOUR)]


def _networks(bucket: str, request: HttpRequest, most: int, seconds: int) -> list[Limit]:
    near, far = network_of(_address(request)), carrier_of(_address(request))
    limits = [Limit(bucket, near, most, seconds)]
    return limits if near == far else [*limits, Limit(bucket, far, most * WIDER, seconds)]


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or ""


# Forms sent by strangers count by address, whatever is in them; those of somebody who is signed in,
# by account.
_STRANGERS_FORMS = frozenset({"account_login", "mfa_login_webauthn", "mfa_authenticate"})
_OWN_FORMS = frozenset(
    {
        "account_change_password",
        "account_reauthenticate",
        "mfa_activate_totp",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
    }
)


class SignInLimitMiddleware:
    """Middleware: limits the forms, and answers 429 wherever an attempt had to wait."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        wait = getattr(request, _WAIT_ATTRIBUTE, None)
        if wait is not None:
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
            patch_cache_control(response, no_store=True)
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        if request.method != "POST" or allow_attempt(request, _form_limits(request)):
            return None
        minutes = math.ceil(getattr(request, _WAIT_ATTRIBUTE) / MINUTE)
        return render(request, "newsroom/too_often.html", {"minutes": minutes})


def _form_limits(request: HttpRequest) -> list[Limit]:
    name = request.resolver_match.url_name if request.resolver_match else None
    if name in _STRANGERS_FORMS:
        return _networks("form", request, FORMS, MINUTE)
    if name in _OWN_FORMS and request.user.is_authenticated:
        return [Limit("form", f"account {request.user.pk}", HOUSEHOLD, MINUTE)]
    return []
