# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The codes of an authenticator app: six digits, which a thief of the password might guess."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.core import context, ratelimit
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm


class FewGuesses:
    """Its own limit (ACCOUNT_RATE_LIMITS), far below that of passwords: only who knows the password
    comes so far, so no stranger can use it up."""

    def clean_code(self) -> str:
        limit = {"action": "code_failed", "key": f"code of {self.user.pk}"}  # type: ignore[attr-defined]
        if not ratelimit.consume(context.request, **limit):
            raise get_adapter().validation_error("too_many_login_attempts")
        code: str = super().clean_code()  # type: ignore[misc]
        ratelimit.clear(context.request, **limit)
        return code


class SignInCode(FewGuesses, AuthenticateForm):  # type: ignore[misc]
    pass


class AgainCode(FewGuesses, ReauthenticateForm):  # type: ignore[misc]
    pass
