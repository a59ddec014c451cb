# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The forms to sign in with a password and to change it."""

from __future__ import annotations

from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.core import context
from django.core.exceptions import ValidationError

from canale.accounts.addresses import address
from canale.accounts.attempts import refund
from canale.newsroom.account_log import password_refused
from canale.newsroom.sign_in_limits import password_limits, require_attempt


class SignInForm(LoginForm):  # type: ignore[misc]
    def clean_login(self) -> str:
        return address(super().clean_login())


class PasswordChangeForm(ChangePasswordForm):  # type: ignore[misc]
    """Wrong current passwords count against the same limits as those of a sign-in."""

    def clean_oldpassword(self) -> str:
        limits = password_limits(context.request, self.user.email)
        require_attempt(context.request, limits)
        try:
            password: str = super().clean_oldpassword()
        except ValidationError:
            password_refused(context.request, self.user.email)
            raise
        refund(limits)
        return password
