# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a password must be, said in words of our own: Django's are not all in Italian."""

from __future__ import annotations

from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
)
from django.utils.translation import gettext as _


class LongEnough(MinimumLengthValidator):
    def get_error_message(self) -> str:
        return _("Too short: use at least %(count)d characters.") % {"count": self.min_length}

    def get_help_text(self) -> str:
        return _("Use at least %(count)d characters.") % {"count": self.min_length}


class NotTheirAddress(UserAttributeSimilarityValidator):
    def get_error_message(self) -> str:
        return _("Too much like your e-mail address.")

    def get_help_text(self) -> str:
        return _("Do not use your e-mail address.")
