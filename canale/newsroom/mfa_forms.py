# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Forms for the codes of an authenticator app.

A code has six digits, which an attacker with the password could guess, so attempts are limited.
Each code is valid for one sign-in.
"""

from __future__ import annotations

import unicodedata

from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from canale.accounts.attempts import clear
from canale.newsroom.sign_in_limits import code_limits, require_attempt

# The key of an authenticator's data for the time step of the last accepted code.
LAST_COUNTER = "last_counter"
_ACTIVATED = "_canale_activated_counter"


def plain_code(text: str) -> str:
    """Remove what people and apps write between the digits, and convert digits of any script.

    That includes separators, punctuation and control characters (Unicode's categories Z, P and C).
    """
    return "".join(
        str(unicodedata.decimal(char, char))
        for char in unicodedata.normalize("NFKC", text)
        if unicodedata.category(char)[0] not in "ZPC"
    )


class RateLimitedCode:
    """Limits attempts far below those of passwords: only somebody with the password gets here."""

    def clean_code(self) -> str:
        limits = code_limits(context.request, self.user)  # type: ignore[attr-defined]
        require_attempt(context.request, limits)
        self.cleaned_data["code"] = plain_code(self.cleaned_data["code"])  # type: ignore[attr-defined]
        code: str = super().clean_code()  # type: ignore[misc]
        authenticator: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if authenticator.type == Authenticator.Type.TOTP and not spend(authenticator, code):
            self._emit_authentication_failed(authenticator)  # type: ignore[attr-defined]
            raise get_adapter().validation_error("incorrect_code")
        clear(limits)
        return code


class SignInCodeForm(RateLimitedCode, AuthenticateForm):  # type: ignore[misc]
    pass


class ReauthenticateCodeForm(RateLimitedCode, ReauthenticateForm):  # type: ignore[misc]
    pass


class ActivateCodeForm(ActivateTOTPForm):  # type: ignore[misc]
    """Checks the first code of a new app. This code, too, is valid once."""

    def clean_code(self) -> str:
        self.cleaned_data["code"] = plain_code(self.cleaned_data["code"])
        code: str = super().clean_code()
        setattr(context.request, _ACTIVATED, _counter_of(self.secret, code))
        return code


@receiver(authenticator_added)
def spend_first_code(
    sender: object, request: HttpRequest, authenticator: Authenticator, **more: object
) -> None:
    counter = getattr(request, _ACTIVATED, None)
    if authenticator.type == Authenticator.Type.TOTP and counter is not None:
        _advance(authenticator.pk, counter)


def spend(authenticator: Authenticator, code: str) -> bool:
    """Use up a correct code; False if it or a later one was used before (RFC 6238, section 5.2)."""
    counter = _counter_of(decrypt(authenticator.data["secret"]), code)
    return counter is not None and _advance(authenticator.pk, counter)


def _counter_of(secret: str, code: str) -> int | None:
    """Return the time step of a code that was just accepted; a new step may have begun since."""
    counters = list(yield_hotp_counters_from_time())
    for counter in [*counters, counters[0] - 1]:
        if format_hotp_value(hotp_value(secret, counter)) == code:
            return int(counter)
    return None


@transaction.atomic
def _advance(authenticator_id: int, counter: int) -> bool:
    """Store the time step if it is newer; the lock keeps two requests from both doing so."""
    row = Authenticator.objects.select_for_update().filter(pk=authenticator_id).first()
    if row is None or counter <= row.data.get(LAST_COUNTER, -1):
        return False
    row.data[LAST_COUNTER] = counter
    row.save(update_fields=["data"])
    return True
