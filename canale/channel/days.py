# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a day is called."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _


def day_heading(day: date, today: date) -> str:
    """*Today*, *Yesterday*, else the date; the year only when it is another one."""
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    # Translators: PHP's date format of a day: "lunedì 3 novembre"
    pattern = _("l j F") if day.year == today.year else _("l j F Y")
    return date_format(day, pattern)
