# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The authentication backend of the sign-in form."""

from __future__ import annotations

from allauth.account.auth_backends import AuthenticationBackend

from canale.accounts.models import Staff
from canale.accounts.passwords import normalise


class StaffBackend(AuthenticationBackend):  # type: ignore[misc]
    def _mitigate_timing_attack(self, password: str) -> None:
        """Take as long as `Staff.check_password` does for an existing account."""
        for spelling in {normalise(password), password}:
            Staff().set_password(spelling)
