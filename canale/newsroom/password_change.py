# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The form to change one's own password."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from django.core.exceptions import ValidationError

from canale.accounts.attempts import refund
from canale.newsroom.account_log import password_refused
from canale.newsroom.sign_in_limits import password_limits, taken


class ChangePassword(ChangePasswordForm):  # type: ignore[misc]
    """Guesses at the present password count as those at the door do."""

    def clean_oldpassword(self) -> str:
        limits = password_limits(context.request, self.user.email)
        if not taken(context.request, limits):
            raise get_adapter().validation_error("too_many_login_attempts")
        try:
            password: str = super().clean_oldpassword()
        except ValidationError:
            password_refused(context.request, self.user.email)
            raise
        refund(limits)
        return password
