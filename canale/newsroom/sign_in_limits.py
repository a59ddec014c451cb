# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Limits on attempts to sign in (docs/decisions/0048).

django-allauth's own limits are off: they use a cache, count each IPv6 address separately, and make
the Host header part of the key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from http import HTTPStatus

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.translation import ngettext

from canale.accounts.attempts import Limit, take
from canale.accounts.models import Staff
from canale.net.rate_limits import WIDER, carrier_of, network_of
from canale.newsroom.known_device import device_of

MINUTE, HOUR = 60, 3600
# Wrong passwords from one network a minute, and for one account from everywhere.
MAX_PER_NETWORK, MAX_PER_ACCOUNT, ACCOUNT_SECONDS = 10, 100, 300
# Codes have six digits: at twenty an hour, a million take six years.
MAX_CODES = 20
MAX_FORMS = 30

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_WAIT_ATTRIBUTE = "_canale_must_wait"


def require_attempt(request: HttpRequest, limits: Sequence[Limit]) -> None:
    """Count one attempt. Raises ValidationError with the minutes to wait."""
    if not allow_attempt(request, limits):
        minutes = minutes_to_wait(request)
        message = ngettext(
            "Too many attempts. Wait %(n)s minute, then try again.",
            "Too many attempts. Wait %(n)s minutes, then try again.",
            minutes,
        )
        raise ValidationError(message % {"n": minutes}, code="too_many_login_attempts")


def allow_attempt(request: HttpRequest, limits: Sequence[Limit]) -> bool:
    """Count one attempt; False if it must wait, in which case the response becomes a 429."""
    if not django_settings.SIGN_IN_LIMITS:
        return True
    wait = take(limits)
    if wait is not None:
        setattr(request, _WAIT_ATTRIBUTE, wait)
    return wait is None


def minutes_to_wait(request: HttpRequest) -> int:
    seconds: float = getattr(request, _WAIT_ATTRIBUTE)
    return math.ceil(seconds / MINUTE)


def password_limits(request: HttpRequest, email: str) -> list[Limit]:
    """Return the limits that one password, tried for an account, counts against.

    Unknown browsers count per network (a /64), per provider (a /48) and per account. A browser with
    which the owner signed in before has counts of its own, so that no attacker, not even one behind
    the same address, can lock the owner out.
    """
    if request.user.is_authenticated:
        return _own(f"account {request.user.pk} signed in", request)
    staff = Staff.objects.filter(email__iexact=email).first() if email else None
    device = device_of(request, staff) if staff else None
    if staff and device:
        return _own(f"account {staff.pk} from {device}", request)
    account = f"account {staff.pk}" if staff else f"no account {email.lower()}"
    limits = _networks("password", request, MAX_PER_NETWORK, MINUTE)
    return [*limits, Limit("password", account, MAX_PER_ACCOUNT, ACCOUNT_SECONDS)]


def _own(subject: str, request: HttpRequest) -> list[Limit]:
    at_network = f"{subject} at {network_of(_address(request))}"
    return [
        Limit("password", at_network, MAX_PER_NETWORK, MINUTE),
        Limit("password", subject, MAX_PER_ACCOUNT, ACCOUNT_SECONDS),
    ]


def code_limits(request: HttpRequest, staff: Staff) -> list[Limit]:
    """Return the limit of codes. A known browser has its own, as for passwords."""
    device = device_of(request, staff)
    subject = f"account {staff.pk}" + (f" from {device}" if device else "")
    return [Limit("code", subject, MAX_CODES, HOUR)]


def _networks(bucket: str, request: HttpRequest, max_attempts: int, seconds: int) -> list[Limit]:
    network, carrier = network_of(_address(request)), carrier_of(_address(request))
    limits = [Limit(bucket, network, max_attempts, seconds)]
    if network == carrier:
        return limits
    return [*limits, Limit(bucket, carrier, max_attempts * WIDER, seconds)]


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or ""


# Forms of visitors count per network, whatever they contain; those of signed-in staff, per account.
_ANONYMOUS_FORMS = frozenset({"account_login", "mfa_login_webauthn", "mfa_authenticate"})
_STAFF_FORMS = frozenset(
    {
        "account_change_password",
        "account_reauthenticate",
        "mfa_activate_totp",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
    }
)


class SignInLimitMiddleware:
    """Limits the forms, and responds 429 wherever an attempt has to wait."""

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
        name = request.resolver_match.url_name if request.resolver_match else None
        limits = list[Limit]()
        if name in _ANONYMOUS_FORMS:
            limits = _networks("form", request, MAX_FORMS, MINUTE)
        elif name in _STAFF_FORMS and request.user.is_authenticated:
            limits = [Limit("form", f"account {request.user.pk}", MAX_PER_NETWORK, MINUTE)]
        if request.method != "POST" or allow_attempt(request, limits):
            return None
        context = {"minutes": minutes_to_wait(request)}
        return render(request, "newsroom/too_often.html", context)
