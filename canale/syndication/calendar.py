# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events and deadlines for the phone's calendar (RFC 5545)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from canale.channel.links import post_url
from canale.channel.models import Kind, Post, State
from canale.channel.text import render_plain
from canale.settings import settings

EVENT_LENGTH = timedelta(hours=1)
"""Of an event whose end nobody said."""
REMINDER = {Kind.EVENT.value: timedelta(hours=2), Kind.DEADLINE.value: timedelta(days=1)}
# Of a day without an hour, counted from its first or its last minute: at 18:00 on the day before
# an event, at 9:00 on the day before a deadline.
DAY_REMINDER = {
    Kind.EVENT.value: timedelta(hours=6),
    Kind.DEADLINE.value: timedelta(days=1, hours=14, minutes=59),
}


class NoMoment(Exception):  # noqa: N818
    """The post has no date to put into a calendar."""


def post_ics(post: Post, now: datetime) -> bytes:
    """One entry, which replaces the phone's older copy of it. Raises NoMoment."""
    if post.starts_at is None or post.kind not in REMINDER:
        raise NoMoment
    calendar = Calendar()
    calendar.add("prodid", "-//canale//canale//IT")
    calendar.add("version", "2.0")
    calendar.add_component(_entry(post, post.starts_at, now))
    ics: bytes = calendar.to_ical()
    return ics


def _entry(post: Post, starts_at: datetime, now: datetime) -> Event:
    entry = Event()
    entry.add("uid", f"post-{post.pk}@{urlsplit(settings.base_url).hostname}")
    entry.add("dtstamp", now)
    entry.add("sequence", max(0, post.revisions.count() - 1))
    entry.add("url", post_url(post))
    if post.kind == Kind.EVENT and post.starts_on:
        _add_days(entry, post, post.starts_on)
    else:
        _add_moments(entry, post, starts_at)
    if post.state == State.WITHDRAWN:
        _say_withdrawn(entry, post)
    else:
        _say(entry, post)
    return entry


def _add_days(entry: Event, post: Post, first: date) -> None:
    """DTEND is the day after the last one (RFC 5545, 3.6.1); without it, it is one day."""
    entry.add("dtstart", first)
    if post.ends_on and post.ends_on > first:
        entry.add("dtend", post.ends_on + timedelta(days=1))


def _add_moments(entry: Event, post: Post, starts_at: datetime) -> None:
    """DTEND must be later than DTSTART (RFC 5545, 3.8.2.2)."""
    entry.add("dtstart", starts_at)
    if post.kind == Kind.EVENT:
        ends_at = post.ends_at if post.ends_at and post.ends_at > starts_at else None
        entry.add("dtend", ends_at or starts_at + EVENT_LENGTH)


def _say(entry: Event, post: Post) -> None:
    entry.add("summary", post.headline)
    entry.add("description", f"{render_plain(post.text)}\n\n{post_url(post)}".strip())
    if post.place:
        entry.add("location", post.place)
    entry.add("status", "CONFIRMED")
    entry.add_component(_reminder(post))


def _say_withdrawn(entry: Event, post: Post) -> None:
    """Why, and nothing of what the post said: its words may be the reason."""
    entry.add("summary", _("Withdrawn: %(reason)s") % {"reason": post.withdrawal_reason})
    entry.add("description", post_url(post))
    entry.add("status", "CANCELLED")


def _reminder(post: Post) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _("Reminder: %(headline)s") % {"headline": post.headline})
    reminder = DAY_REMINDER if post.starts_on else REMINDER
    alarm.add("trigger", -reminder[post.kind])
    return alarm
