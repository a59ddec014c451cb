# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a day is called."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

# Django's names of days and months begin with capitals also where the language has none.
CAPITALS = ("en", "de")


def day_heading(day: date, today: date) -> str:
    """*Today*, *Yesterday*, else the date; the year only when it is another one."""
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    # Translators: PHP's date format of a day: "lunedì 3 novembre"
    pattern = _("l j F") if day.year == today.year else _("l j F Y")
    return written(day, pattern)


def written(day: date, pattern: str) -> str:
    """A date in one of Django's formats, as the reader's language spells it."""
    text = date_format(day, pattern)
    return text if (get_language() or "").startswith(CAPITALS) else text.lower()
