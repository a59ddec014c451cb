# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Names of days, relative to today and as dates."""

from __future__ import annotations

import re
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

# Django's names of days and months begin with capitals also where the language has none.
CAPITALS = ("en", "de")
# Before 8 (otto), 11 (undici) and one o'clock (l'una) Italian articles lose their vowel.
ELISIONS = (
    (re.compile(r"\bal (?=(?:8|11)\b)"), "all’"),
    (re.compile(r"\bil (?=(?:8|11)\b)"), "l’"),
    (re.compile(r"\balle (?=1:)"), "all’"),
)


def day_heading(day: date, today: date) -> str:
    """*Today*, *Yesterday*, else the date; the year only when it is another one."""
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return dated(day, today)


def dated(day: date, today: date, weekday: str = "l", month: str = "F") -> str:
    """*giovedì 16 dicembre*, with the year unless it is that of ``today``.

    ``weekday`` and ``month`` are Django's letters (*l*, *D* or nothing; *F*, *M*).
    """
    year = "" if day.year == today.year else " Y"
    return format_date(day, f"{weekday} j {month}{year}".strip())


def format_date(day: date, pattern: str) -> str:
    """A date in one of Django's formats, as the reader's language spells it."""
    language = get_language() or ""
    # Italian writes and reads the first of a month as an ordinal number.
    if language.startswith("it") and day.day == 1:
        pattern = pattern.replace("j", "j°")
    text = date_format(day, pattern)
    return text if language.startswith(CAPITALS) else text.lower()


def elided(text: str) -> str:
    """Shorten Italian articles before a vowel: *all’8 dicembre*, *l’11/11*, *all’1:20*."""
    if (get_language() or "").startswith("it"):
        for article, shortened in ELISIONS:
            text = article.sub(shortened, text)
    return text
