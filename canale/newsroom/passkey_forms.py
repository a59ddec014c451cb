# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The forms for passkeys. A passkey is created and used on the site's own pages only, and signs in
without a password unless its owner chooses otherwise.

The forms refuse whatever they cannot read: the libraries behind them raise a dozen kinds of errors
for JSON and CBOR that are not as they expect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

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
Read = TypeVar("Read")

# Far longer than two requests with one session may overlap.
CHALLENGE_SECONDS = 3600


def _credential() -> forms.JSONField:
    return forms.JSONField(decoder=StrictDecoder, widget=forms.HiddenInput)


def _checked(check: Callable[[], Read]) -> Read:
    """Raises ValidationError for a credential that cannot be read."""
    try:
        return check()
    except (ValidationError, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the form cannot be used
        logger.info("A passkey's answer cannot be read: %s", type(error).__name__)
        raise get_adapter().validation_error("incorrect_code") from None


class SameOriginMixin:
    """WebAuthn takes pages of a sub-domain for the site's own (section 13.4.9); we do not."""

    def clean_credential(self) -> Any:
        return _checked(self._from_own_page)

    def _from_own_page(self) -> Any:
        credential = self.cleaned_data["credential"]  # type: ignore[attr-defined]
        # Without TLS only this machine's pages have passkeys, at whatever port they are reached.
        client_data = _client_data(credential)
        origin = str(client_data.origin) if client_data else ""
        if settings.base_url.startswith("https:") and origin != settings.base_url:
            raise get_adapter().validation_error("incorrect_code")
        # No page of ours stands in a frame of another site (WebAuthn, section 7.2, step 14).
        if client_data is not None and client_data.cross_origin:
            raise get_adapter().validation_error("incorrect_code")
        # A form that adds a passkey looks at the rest later.
        further = getattr(super(), "clean_credential", None)
        return credential if further is None else further()


def _client_data(credential: Any) -> CollectedClientData | None:
    """What the browser says of the page that asked for the passkey; None if it cannot be read."""
    try:
        return CollectedClientData(websafe_decode(credential["response"]["clientDataJSON"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


class SingleUseChallengeMixin:
    """A challenge is answered once, also when the same answer is sent several times at the same
    moment: the session that holds the challenge is read by each of them."""

    def clean_credential(self) -> Any:
        client_data = _client_data(self.cleaned_data["credential"])  # type: ignore[attr-defined]
        authenticator = super().clean_credential()  # type: ignore[misc]
        challenge = client_data.challenge.hex() if client_data else ""
        if take([Limit("challenge", challenge, 1, CHALLENGE_SECONDS)]) is not None:
            raise get_adapter().validation_error("incorrect_code")
        return authenticator


class CountRefusalsMixin:
    """Counts each refusal in the figures, whatever the reason."""

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
        return _checked(super().clean)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["name"].label = _("Name of this device")
        passwordless = self.fields["passwordless"]
        passwordless.initial = True
        passwordless.label = _("Sign in with it, without the password")
        passwordless.help_text = ""
