# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one rule for reading a time, and the meaning of a day without an hour.

The newsroom's forms, the API and the command line all call `read`. See docs/decisions/0037.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from canale.channel.models import Kind

YEARS = range(2000, 2101)
# If clocks skip midnight, the day begins at the hour that they go to (fold 0 counts from before);
# where they repeat 23:59, it ends with the second one.
FIRST_MINUTE, LAST_MINUTE = time(), time(23, 59, fold=1)
# `datetime.fromisoformat` takes more: 20270501, 2027-W10-1, digits of other scripts.
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# .NET writes seven digits of a second, Java and Go nine; a moment keeps six.
_HOUR = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
# PostgreSQL writes no minutes in +01.
_OFFSET = r"[Zz]|[+-][0-9]{2}(?::?[0-5][0-9])?"
_WRITTEN = re.compile(rf"({_DAY})(?:[Tt ]({_HOUR})({_OFFSET})?)?")

Written = datetime | date
"""A moment (aware), or a day without an hour."""


class MomentError(ValueError):
    """A time that cannot be used; the message may be shown to whoever wrote it."""


def read(text: str) -> Written:
    """Read ``2026-12-24``, ``2026-12-24T18:00`` (the city's time) or ``2026-12-24T18:00+01:00``.

    Seconds and a space instead of the T are taken too. Raises MomentError, also for an hour that
    clocks skip or repeat, and for a year outside `YEARS`.
    """
    match = _WRITTEN.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError(text)
        day = date.fromisoformat(match[1])
        hour = time.fromisoformat(match[2]) if match[2] else None
        moment = None if hour is None else datetime.combine(day, hour)
        if moment is not None and match[3]:
            moment = datetime.fromisoformat(f"{moment.isoformat()}{match[3].upper()}")
    except ValueError:
        raise MomentError(
            _(
                "“%(value)s” is not a date. Write year-month-day, as in 2026-12-24, and the time "
                "if there is one, as in 2026-12-24T18:00."
            )
            % {"value": text[:40]}
        ) from None
    if day.year not in YEARS:
        raise MomentError(_("Check the year."))
    if moment is None:
        return day
    return moment if moment.tzinfo else _in_the_city(moment)


def _in_the_city(moment: datetime) -> datetime:
    """A local time with the city's zone. Raises MomentError if clocks skip or repeat it."""
    zone = timezone.get_current_timezone()
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    if before is None or after is None or before == after:
        return first
    if before < after:
        raise MomentError(
            _("At %(time)s clocks go forward: write %(earlier)s or %(later)s.")
            % {
                "time": f"{moment:%H:%M}",
                "earlier": f"{moment - (after - before):%H:%M}",
                "later": f"{moment + (after - before):%H:%M}",
            }
        )
    raise MomentError(
        _("At %(time)s clocks go back, so this time occurs twice: write %(first)s or %(second)s.")
        % {"time": f"{moment:%H:%M}", "first": _with_offset(first), "second": _with_offset(second)}
    )


def _with_offset(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a post: the moments, and the days where no hour was given."""

    starts_at: datetime | None = None
    starts_on: date | None = None
    ends_at: datetime | None = None
    ends_on: date | None = None


def times_of(kind: str, start: Written | None, end: Written | None) -> Times:
    """The moments that days stand for: a deadline and an end are the last minute of their day,
    any other start the first. An end in the minute of the start says nothing and is dropped."""
    starts_on, ends_on = _day(start), _day(end)
    starts_at = _moment(start, LAST_MINUTE if kind == Kind.DEADLINE else FIRST_MINUTE)
    ends_at = _moment(end, LAST_MINUTE)
    if ends_at is not None and starts_at is not None and _minute(ends_at) == _minute(starts_at):
        ends_at = ends_on = None
    return Times(starts_at, starts_on, ends_at, ends_on)


def _minute(moment: datetime) -> datetime:
    """The moment as it is shown; in UTC, since two with one zone are compared by their clocks."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _day(written: Written | None) -> date | None:
    return None if isinstance(written, datetime) else written


def _moment(written: Written | None, minute: time) -> datetime | None:
    """The moment itself, or that minute of a day in the city."""
    if written is None or isinstance(written, datetime):
        return written
    return datetime.combine(written, minute, timezone.get_current_timezone())


def end_of(day: date) -> datetime:
    """The moment at which a day is over."""
    return datetime.combine(day + timedelta(days=1), time(), timezone.get_current_timezone())


def kept(written: Written | None, at: datetime | None, on: date | None) -> Written | None:
    """A stored day stays one when a program sends its moment back."""
    return on if on is not None and written == at else written
