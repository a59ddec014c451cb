# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The form to sign in with a password."""

from __future__ import annotations

from allauth.account.forms import LoginForm

from canale.accounts.addresses import address


class SignIn(LoginForm):  # type: ignore[misc]
    def clean_login(self) -> str:
        return address(super().clean_login())
