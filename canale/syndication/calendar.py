# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events and deadlines for the phone's calendar (RFC 5545)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from canale.channel.links import post_url
from canale.channel.models import Kind, Post, Revision, State
from canale.channel.text import render_plain
from canale.core.settings import settings

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
    content = post.content
    if content.starts_at is None or content.kind not in REMINDER:
        raise NoMoment
    calendar = Calendar()
    calendar.add("prodid", "-//canale//canale//IT")
    calendar.add("version", "2.0")
    calendar.add_component(_entry(post, content.starts_at, now))
    ics: bytes = calendar.to_ical()
    return ics


def _entry(post: Post, starts_at: datetime, now: datetime) -> Event:
    entry = Event()
    entry.add("uid", f"post-{post.pk}@{urlsplit(settings.base_url).hostname}")
    entry.add("dtstamp", now)
    entry.add("sequence", _sequence(post))
    entry.add("url", post_url(post))
    content = post.content
    if content.kind == Kind.EVENT and content.starts_on:
        _add_days(entry, content, content.starts_on)
    else:
        _add_moments(entry, content, starts_at)
    if post.state == State.WITHDRAWN:
        _say_withdrawn(entry, post)
    else:
        _say(entry, post)
    return entry


def _sequence(post: Post) -> int:
    """How often the entry changed (RFC 5545, 3.8.7.4); a withdrawal changes it too."""
    return post.content.number - 1 + (post.state == State.WITHDRAWN)


def _add_days(entry: Event, content: Revision, first: date) -> None:
    """DTEND is the day after the last one (RFC 5545, 3.6.1); without it, it is one day."""
    entry.add("dtstart", first)
    if content.ends_on and content.ends_on > first:
        entry.add("dtend", content.ends_on + timedelta(days=1))


def _add_moments(entry: Event, content: Revision, starts_at: datetime) -> None:
    """DTEND must be later than DTSTART (RFC 5545, 3.8.2.2)."""
    entry.add("dtstart", starts_at)
    if content.kind == Kind.EVENT:
        ends_at = content.ends_at if content.ends_at and content.ends_at > starts_at else None
        entry.add("dtend", ends_at or starts_at + EVENT_LENGTH)


def _say(entry: Event, post: Post) -> None:
    content = post.content
    entry.add("summary", content.headline)
    entry.add("description", f"{render_plain(content.text)}\n\n{post_url(post)}".strip())
    if content.place:
        entry.add("location", content.place)
    entry.add("status", "CONFIRMED")
    entry.add_component(_reminder(content))


def _say_withdrawn(entry: Event, post: Post) -> None:
    """Why, and nothing of what the post said: its words may be the reason."""
    entry.add("summary", _("Withdrawn: %(reason)s") % {"reason": post.withdrawal_reason})
    entry.add("description", post_url(post))
    entry.add("status", "CANCELLED")


def _reminder(content: Revision) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _("Reminder: %(headline)s") % {"headline": content.headline})
    reminder = DAY_REMINDER if content.starts_on else REMINDER
    alarm.add("trigger", -reminder[content.kind])
    return alarm
