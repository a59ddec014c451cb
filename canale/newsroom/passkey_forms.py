# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The forms for passkeys.

A passkey is created and used on the site's own pages only, and signs in without a password unless
its owner chooses otherwise. The forms refuse any credential that they cannot parse: the libraries
behind them raise a dozen types of errors for malformed JSON and CBOR.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.utils.translation import gettext_lazy as _
from fido2.utils import websafe_decode
from fido2.webauthn import CollectedClientData

from canale.accounts.attempts import Limit, take
from canale.core.settings import settings
from canale.metrics.refusals import count_refusal
from canale.net.json_reader import StrictDecoder

logger = logging.getLogger(__name__)

# Far longer than two requests of one session can overlap.
CHALLENGE_SECONDS = 3600


def _credential() -> forms.JSONField:
    return forms.JSONField(decoder=StrictDecoder, widget=forms.HiddenInput)


@contextmanager
def _malformed_is_invalid() -> Iterator[None]:
    """Turn any error about a credential into a ValidationError."""
    try:
        yield
    except (ValidationError, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001  whatever the library raises, the form is invalid
        logger.info("Malformed passkey credential: %s", type(error).__name__)
        raise get_adapter().validation_error("incorrect_code") from None


class SameOriginMixin:
    """Refuses pages of a sub-domain, which WebAuthn would accept (section 13.4.9)."""

    def clean_credential(self) -> Any:
        with _malformed_is_invalid():
            credential = self.cleaned_data["credential"]  # type: ignore[attr-defined]
            # Without TLS passkeys work on localhost only, and there on any port.
            client_data = _client_data(credential)
            origin = str(client_data.origin) if client_data else ""
            if settings.base_url.startswith("https:") and origin != settings.base_url:
                raise get_adapter().validation_error("incorrect_code")
            # No page of ours stands in a frame of another site (WebAuthn, section 7.2, step 14).
            if client_data is not None and client_data.cross_origin:
                raise get_adapter().validation_error("incorrect_code")
            # The form that adds a passkey has no such method and checks the rest in clean().
            clean = getattr(super(), "clean_credential", None)
            return credential if clean is None else clean()


def _client_data(credential: Any) -> CollectedClientData | None:
    """Return the browser's data about the page that asked, or None if it is malformed."""
    try:
        return CollectedClientData(websafe_decode(credential["response"]["clientDataJSON"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


class SingleUseChallengeMixin:
    """Accepts a challenge once, even if the same response is sent several times in parallel.

    Each of those requests still reads the challenge from the session.
    """

    def clean_credential(self) -> Any:
        client_data = _client_data(self.cleaned_data["credential"])  # type: ignore[attr-defined]
        authenticator = super().clean_credential()  # type: ignore[misc]
        challenge = client_data.challenge.hex() if client_data else ""
        if take([Limit("challenge", challenge, 1, CHALLENGE_SECONDS)]) is not None:
            raise get_adapter().validation_error("incorrect_code")
        return authenticator


class CountRefusalsMixin:
    """Counts each refusal in the metrics, whatever its reason."""

    def add_error(self, field: str | None, error: Any) -> None:
        count_refusal("passkey")
        super().add_error(field, error)  # type: ignore[misc]


class PasskeyCheckMixin(CountRefusalsMixin, SingleUseChallengeMixin, SameOriginMixin):
    """All that is checked where a passkey is used."""


class SignInPasskeyForm(PasskeyCheckMixin, LoginWebAuthnForm):  # type: ignore[misc]
    credential = _credential()


class SecondFactorPasskeyForm(PasskeyCheckMixin, AuthenticateWebAuthnForm):  # type: ignore[misc]
    credential = _credential()


class ReauthenticatePasskeyForm(PasskeyCheckMixin, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    credential = _credential()


class AddPasskeyForm(SameOriginMixin, AddWebAuthnForm):  # type: ignore[misc]
    credential = _credential()

    def clean(self) -> dict[str, Any]:
        with _malformed_is_invalid():
            cleaned: dict[str, Any] = super().clean()
            return cleaned

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["name"].label = _("Name of this device")
        passwordless = self.fields["passwordless"]
        passwordless.initial = True
        passwordless.label = _("Sign in with it, without the password")
        passwordless.help_text = ""
