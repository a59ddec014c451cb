# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale demo: a channel with a month of posts, to look at."""

from __future__ import annotations

import argparse
import random
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone, translation
from django.utils.text import slugify

from canale.accounts.models import Staff
from canale.accounts.setup import make_admin
from canale.channel.channel_models import DEFAULT_REACTIONS
from canale.channel.channels import create_channel, set_avatar
from canale.channel.dates import dated, format_date
from canale.channel.images import prepare_avatar, prepare_preview
from canale.channel.links import channel_url
from canale.channel.models import Channel, Kind, Post, State, Topic
from canale.channel.moments import Written
from canale.channel.motifs import Motif
from canale.cli.commands import CommandError
from canale.cli.demo_drawings import ARMS, draw_pictures
from canale.cli.demo_posts import DESCRIPTION, NAME, POSTS, TOPICS, DemoPost
from canale.cli.migrate import migrate
from canale.core.settings import settings
from canale.followers.device_token import new_token, token_hash
from canale.followers.follow import FollowRequest, follow_all
from canale.previews.models import LinkPreview
from canale.publishing.content import Content, KeptImage, NewImage
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw
from canale.reactions.react import ReactionChange, apply_changes

COLOUR, MOTIF = "#0b6170", Motif.ARCHES
FOLLOWERS = 1_240
# How many of a channel's followers react to a post, from the fewest to the most.
REACTIONS = {
    Kind.NEWS: (14, 60),
    Kind.EVENT: (20, 90),
    Kind.DEADLINE: (5, 22),
    Kind.SERVICE: (6, 26),
    Kind.ALERT: (60, 130),
}
# How often each emoji of the channel's set is chosen: 👍 ❤️ 👏 😮 😢 🙏
MOODS = {
    Kind.NEWS: (8, 5, 4, 1, 0, 1),
    Kind.EVENT: (6, 9, 4, 1, 0, 0),
    Kind.DEADLINE: (8, 0, 0, 0, 0, 3),
    Kind.SERVICE: (7, 0, 0, 1, 2, 2),
    Kind.ALERT: (4, 2, 0, 4, 2, 9),
}
EDITOR = "redazione@demo.example"
NEWSROOM_FILE = "demo-newsroom"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--handle", default="demo", help="the channel's handle, as in /c/HANDLE/")


def run(arguments: argparse.Namespace) -> int:
    migrate()
    existing = Channel.objects.filter(handle=arguments.handle).first()
    if existing is not None:
        sys.stdout.write(f"The demo channel already exists: {channel_url(existing)}\n")
        _open_newsroom_again(existing)
        return 0
    if Channel.objects.exists():
        raise CommandError(
            "there is a real channel in this database; use another folder: "
            "CANALE_DATA=./demo-data canale demo"
        )
    password = secrets.token_urlsafe(12)
    with transaction.atomic(), translation.override("it"):
        channel = _make(arguments.handle, password)
    # The city is invented, so its password may be kept.
    (settings.data / NEWSROOM_FILE).write_text(password + "\n")
    sys.stdout.write(f"The demo channel is ready: {channel_url(channel)}\n")
    _print_sign_in(password)
    return 0


def _open_newsroom_again(channel: Channel) -> None:
    """Print the same account again, unless its password was changed."""
    editor = Staff.objects.filter(email=EDITOR, memberships__channel=channel).first()
    kept = settings.data / NEWSROOM_FILE
    password = kept.read_text().strip() if kept.exists() else ""
    if editor is not None and password and editor.check_password(password):
        _print_sign_in(password)
    else:
        # The path of a checkout's program, or the name of an installed one.
        program = sys.argv[0] if Path(sys.argv[0]).name == "canale" else "canale"
        command = f"CANALE_DATA={shlex.quote(str(settings.data))} {program} password"
        sys.stdout.write(f"To set a new password: {command} {EDITOR}\n")
    sys.stdout.write(f"Its posts expire after 30 days; to start over, delete {settings.data}\n")


def _print_sign_in(password: str) -> None:
    sys.stdout.write(f"Newsroom: {settings.base_url}/newsroom/\n")
    sys.stdout.write(f"Sign in as {EDITOR} with the password {password}\n")


def _make(handle: str, password: str) -> Channel:
    channel = create_channel(handle, NAME, DESCRIPTION, COLOUR)
    channel.motif = MOTIF
    channel.save(update_fields=["motif"])
    make_admin(channel, EDITOR, password, by="demo")
    for name in TOPICS:
        Topic.objects.create(channel=channel, slug=slugify(name), name=name)
    pictures = draw_pictures([ARMS, *{name: None for post in POSTS for name, _ in post.pictures}])
    set_avatar(channel, prepare_avatar(pictures[ARMS]))
    rng = random.Random(handle)
    alert: Post | None = None
    for entry in POSTS:
        post = _publish(channel, entry, alert, pictures)
        alert = post if entry.kind == Kind.ALERT else alert
        if post.state == State.PUBLISHED:
            kind = Kind(entry.kind)
            emoji = rng.choices(DEFAULT_REACTIONS, MOODS[kind], k=rng.randint(*REACTIONS[kind]))
            changes = [ReactionChange(post.pk, token_hash(new_token()), one) for one in emoji]
            apply_changes(changes, timezone.now())
    # Without an address: nothing is ever sent to them.
    follow_all(
        [FollowRequest(channel.handle, new_token(), None, (), "it", None) for _ in range(FOLLOWERS)]
    )
    return channel


def _publish(
    channel: Channel, entry: DemoPost, alert: Post | None, pictures: Mapping[str, bytes]
) -> Post:
    moment = _moment(-entry.days_ago, entry.hour)
    note, corrected = entry.correction
    content = _content(entry, alert, pictures)
    post = publish(save_draft(channel, content, by="demo"), by="demo", now=moment)
    if note:
        kept = tuple(KeptImage(shown.image_id, shown.alt) for shown in post.content.images.all())
        content = replace(content, text=corrected.format(**_days(entry)), images=kept)
        correct(post, content, note=note, by="demo", now=moment + timedelta(minutes=50))
    if entry.withdrawn:
        withdraw(post, reason=entry.withdrawn, by="demo", now=moment + timedelta(hours=3))
    if entry.preview:
        # A worker could not fetch it: the page does not exist.
        LinkPreview.objects.filter(post=post).update(
            state=LinkPreview.State.FETCHED,
            title=entry.preview.title,
            description=entry.preview.description,
            picture=prepare_preview(pictures[entry.preview.picture]).variants[0].data,
            picture_key=secrets.token_urlsafe(15),
        )
    post.refresh_from_db()
    return post


def _content(entry: DemoPost, alert: Post | None, pictures: Mapping[str, bytes]) -> Content:
    starts: Written | None = None
    ends: Written | None = None
    if entry.in_days is not None:
        day = _day(entry)
        starts = day if entry.at_hour is None else _at(day, entry.at_hour)
        ends = None if entry.until_hour is None else _at(day, entry.until_hour)
    if entry.kind in (Kind.SERVICE, Kind.ALERT) and ends is None:
        starts, ends = None, starts
    return Content(
        kind=entry.kind,
        headline=entry.headline.format(**_days(entry)),
        text=entry.text.format(**_days(entry)),
        topics=(entry.topic,) if entry.topic else (),
        starts_at=starts,
        ends_at=ends,
        place=entry.place,
        all_clear_of=alert.pk if entry.clears and alert else None,
        images=tuple(NewImage(pictures[name], alt) for name, alt in entry.pictures),
    )


def _days(entry: DemoPost) -> dict[str, str]:
    """The day of the entry in words, as it is written within a sentence."""
    day = _day(entry)
    return {"day": dated(day, timezone.localdate()), "weekday": format_date(day, "l")}


def _day(entry: DemoPost) -> date:
    day = timezone.localdate() + timedelta(days=entry.in_days or 0)
    while day.weekday() not in entry.weekdays:
        day += timedelta(days=1)
    return day


def _moment(days: int, hour: float) -> datetime:
    """Count days from today, in the city's zone. A post of today is never in the future."""
    now = timezone.now()
    moment = _at(timezone.localdate(now) + timedelta(days=days), hour)
    return min(moment, now - timedelta(minutes=1)) if days == 0 else moment


def _at(day: date, hour: float) -> datetime:
    return timezone.make_aware(datetime.combine(day, time())) + timedelta(hours=hour)
