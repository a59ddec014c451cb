# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post's time in words: the same on the page, in notifications, feeds and the newsroom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Protocol

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from canale.channel.dates import dated, elided
from canale.channel.models import Kind

ONE_DAY = timedelta(days=1)


class Timed(Protocol):
    """A post, one of its revisions, or the times of a wording."""

    @property
    def starts_at(self) -> datetime | None: ...
    @property
    def starts_on(self) -> date | None: ...
    @property
    def ends_at(self) -> datetime | None: ...
    @property
    def ends_on(self) -> date | None: ...


def when(
    kind: str, timed: Timed, now: datetime, *, short: bool = False, relative: bool = False
) -> str:
    """The time that a post is about, in the active language; "" if it has none.

    The year is there if it is not that of ``now``. ``short`` is for a lock screen: *sab 12 dic,
    21:00* instead of *sabato 12 dicembre, ore 21:00*. ``relative`` says *today* and *tomorrow*,
    which holds for that day only.
    """
    start, end = timed.starts_at, timed.ends_at
    today = timezone.localtime(now).date()
    near = {today: _("today"), today + ONE_DAY: _("tomorrow")} if relative else {}
    moment = partial(_moment, today=today, near=near, short=short)
    begins = moment(start, timed.starts_on) if start else ""
    ends = moment(end, timed.ends_on) if end else ""
    if start and kind == Kind.DEADLINE:
        return _("By %(moment)s") % {"moment": begins}
    if end and (not start or kind == Kind.NEWS):
        if today in near and not timed.ends_on and _local_day(end, None) == today:
            return elided(_("Today until %(time)s") % {"time": _time(end, "G:i")})
        return _("Until %(moment)s") % {"moment": ends}
    if not start or kind == Kind.NEWS:
        return ""
    # A disruption lasts from its start on, also where no end is known.
    lasts = kind in (Kind.SERVICE, Kind.ALERT)
    if not end or end == start:
        return _("From %(moment)s") % {"moment": begins} if lasts else begins
    if _local_day(start, timed.starts_on) != _local_day(end, timed.ends_on):
        are_days = timed.starts_on and timed.ends_on
        span = _("From %(first)s to %(last)s") if lasts and are_days else "%(first)s – %(last)s"
        return span % {"first": begins, "last": ends}
    if timed.ends_on:
        return begins
    until = elided(_("until %(time)s") % {"time": _time(end, "G:i")})
    return f"{begins}, {until}" if timed.starts_on else f"{begins}–{_time(end)}"


def where_and_when(
    kind: str, timed: Timed, place: str, now: datetime, *, short: bool = False
) -> str:
    """The result of `when`, and the place: *sab 12 dic, 21:00 · Piazza Duomo*."""
    return " · ".join(part for part in (when(kind, timed, now, short=short), place) if part)


def _moment(
    moment: datetime, day: date | None, *, today: date, near: Mapping[date, str], short: bool
) -> str:
    local = _local_day(moment, day)
    text = near.get(local) or dated(local, today, *(("D", "M") if short else ("l", "F")))
    if day:
        return text
    time = _time(moment)
    return f"{text}, {time}" if short else _("%(day)s at %(time)s") % {"day": text, "time": time}


def _local_day(moment: datetime, day: date | None) -> date:
    return day or timezone.localtime(moment).date()


def _time(moment: datetime, pattern: str = "H:i") -> str:
    return date_format(timezone.localtime(moment), pattern)
