# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Adapters for django-allauth: no sign-up, no mail, sealed second factors."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from canale.accounts.attempts import refund
from canale.accounts.models import Staff
from canale.core.settings import settings
from canale.newsroom.account_log import password_refused
from canale.newsroom.known_device import remember_device
from canale.newsroom.sign_in_limits import password_limits, require_attempt
from canale.vault.sealing import open_bytes, seal_bytes

PURPOSE = "second factors"
# The keys of an authenticator's data that allauth encrypts (its totp and recovery codes).
SEALED = ("secret", "seed")


class StaffAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("Wrong e-mail or password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Send nothing: the audit log records what the mail would report."""

    def is_safe_url(self, url: str) -> bool:
        """Limit `?next=` to the site of CANALE_BASE_URL, whatever the Host header."""
        own = urlsplit(settings.base_url)
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={own.netloc}, require_https=own.scheme == "https"
        )

    def post_login(self, request: HttpRequest, user: Staff, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        remember_device(request, response, user)
        return response

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt before hashing, so that parallel guesses count too.

        Raises ValidationError.
        """
        self._counted = password_limits(request, str(credentials.get("email") or ""))
        require_attempt(request, self._counted)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        password_refused(request, str(credentials.get("email") or ""))

    def _rollback_login_failed_rl_usage(self) -> None:
        """Uncount the attempt; allauth calls this after a correct password."""
        refund(self._counted)


class SealedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals second factors like followers' addresses, so that a stolen database reveals none.

    They belong to the site of CANALE_BASE_URL, not to the host that a request names.
    """

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(settings.base_url).hostname or "", "name": self._get_site_name()}

    def _get_site_name(self) -> str:
        return urlsplit(settings.base_url).netloc

    def encrypt(self, text: str) -> str:
        return b64encode(seal_bytes(text.encode(), PURPOSE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _open(encrypted_text)[0]


def _open(encrypted_text: str) -> tuple[str, bool]:
    plain, is_current = open_bytes(b64decode(encrypted_text), PURPOSE)
    return plain.decode(), is_current


@transaction.atomic
def reseal_second_factors() -> int:
    """Reseal second factors that use the old key or no padding; return how many.

    Raises VaultError.
    """
    adapter, count = SealedMFAAdapter(), 0
    for row in Authenticator.objects.select_for_update():
        opened = {name: _open(row.data[name]) for name in SEALED if row.data.get(name)}
        if not all(is_current for _, is_current in opened.values()):
            row.data |= {name: adapter.encrypt(text) for name, (text, _) in opened.items()}
            row.save(update_fields=["data"])
            count += 1
    return count
