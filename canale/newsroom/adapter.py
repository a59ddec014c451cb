# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How django-allauth behaves here: accounts are made by the city, never by who comes by."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from functools import cache

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.http import HttpRequest

from canale.followers.vault import NONCE_BYTES, derived_key


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """No mail goes out: what would be said there is in the audit log."""


class SealedFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors are sealed as followers' addresses are: a stolen database has none."""

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + _cipher().encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        sealed = b64decode(encrypted_text)
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return _cipher().decrypt(nonce, ciphertext, None).decode()


@cache
def _cipher() -> AESGCM:
    return AESGCM(derived_key("second factors"))
