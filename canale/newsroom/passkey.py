# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A passkey is added in our words, and opens the door by itself unless one says otherwise. It is
made and used on the site's own pages only."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.utils.translation import gettext_lazy as _
from fido2.utils import websafe_decode
from fido2.webauthn import CollectedClientData

from canale.settings import settings


class OwnPage:
    """WebAuthn takes pages of a sub-domain for the site's own (section 13.4.9); we do not."""

    def clean_credential(self) -> Any:
        credential = self.cleaned_data["credential"]  # type: ignore[attr-defined]
        # Without TLS only this machine's pages have passkeys, at whatever port they are reached.
        if settings.base_url.startswith("https:") and _origin(credential) != settings.base_url:
            raise get_adapter().validation_error("incorrect_code")
        # A form that adds a passkey looks at the rest later.
        further = getattr(super(), "clean_credential", None)
        return credential if further is None else further()


def _origin(credential: Any) -> str:
    """The page on which the browser asked for the passkey; empty if it does not say."""
    try:
        written = websafe_decode(credential["response"]["clientDataJSON"])
        return str(CollectedClientData(written).origin)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return ""


class SignInPasskey(OwnPage, LoginWebAuthnForm):  # type: ignore[misc]
    pass


class SecondPasskey(OwnPage, AuthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class AgainPasskey(OwnPage, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class AddPasskey(OwnPage, AddWebAuthnForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["name"].label = _("Name of this device")
        passwordless = self.fields["passwordless"]
        passwordless.initial = True
        passwordless.label = _("Sign in with it, without the password")
        passwordless.help_text = ""
