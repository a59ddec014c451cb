# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events and deadlines for the phone's calendar (RFC 5545)."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from canale.channel.links import post_url
from canale.channel.models import Kind, Post, Revision, State
from canale.channel.text import render_plain
from canale.core.settings import settings

EVENT_LENGTH = timedelta(hours=1)
"""The length of an event without an end."""
REMINDER = {Kind.EVENT.value: timedelta(hours=2), Kind.DEADLINE.value: timedelta(days=1)}
# For a day without an hour, before its first or its last minute: at 18:00 on the day before an
# event, at 9:00 on the day before a deadline.
DAY_REMINDER = {
    Kind.EVENT.value: timedelta(hours=6),
    Kind.DEADLINE.value: timedelta(days=1, hours=14, minutes=59),
}


class NoMomentError(Exception):
    """The post has no date to put into a calendar."""


def post_ics(post: Post, now: datetime) -> bytes:
    """One entry, which replaces the phone's older copy of it. Raises NoMomentError."""
    content = post.content
    if content.starts_at is None or content.kind not in REMINDER:
        raise NoMomentError
    calendar = Calendar()
    calendar.add("prodid", "-//canale//canale//IT")
    calendar.add("version", "2.0")
    entry = Event()
    entry.add("uid", f"post-{post.pk}@{urlsplit(settings.base_url).hostname}")
    entry.add("dtstamp", now)
    # How often it changed (RFC 5545, 3.8.7.4); a withdrawal changes it too.
    entry.add("sequence", content.number - 1 + (post.state == State.WITHDRAWN))
    entry.add("url", post_url(post))
    _add_times(entry, content, content.starts_at)
    if post.state == State.WITHDRAWN:
        # None of the post's words: they may be the reason.
        entry.add("summary", _("Withdrawn: %(reason)s") % {"reason": post.withdrawal_reason})
        entry.add("description", post_url(post))
        entry.add("status", "CANCELLED")
    else:
        _add_words(entry, post)
    calendar.add_component(entry)
    ics: bytes = calendar.to_ical()
    return ics


def _add_times(entry: Event, content: Revision, starts_at: datetime) -> None:
    if content.kind == Kind.EVENT and content.starts_on:
        entry.add("dtstart", content.starts_on)
        # The day after the last one (RFC 5545, 3.6.1); without it, the event lasts one day.
        if content.ends_on and content.ends_on > content.starts_on:
            entry.add("dtend", content.ends_on + timedelta(days=1))
        return
    entry.add("dtstart", starts_at)
    if content.kind == Kind.EVENT:
        # It must be later than the start (RFC 5545, 3.8.2.2).
        ends_at = content.ends_at if content.ends_at and content.ends_at > starts_at else None
        entry.add("dtend", ends_at or starts_at + EVENT_LENGTH)


def _add_words(entry: Event, post: Post) -> None:
    content = post.content
    entry.add("summary", content.headline)
    entry.add("description", f"{render_plain(content.text)}\n\n{post_url(post)}".strip())
    if content.place:
        entry.add("location", content.place)
    entry.add("status", "CONFIRMED")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _("Reminder: %(headline)s") % {"headline": content.headline})
    reminder = DAY_REMINDER if content.starts_on else REMINDER
    alarm.add("trigger", -reminder[content.kind])
    entry.add_component(alarm)
