# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale demo: a channel with two weeks of posts, to look at."""

from __future__ import annotations

import argparse
import random
import secrets
import shlex
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone, translation
from django.utils.text import slugify

from canale.accounts.models import Staff
from canale.accounts.setup import make_admin
from canale.channel.channels import create_channel
from canale.channel.links import channel_url
from canale.channel.models import Channel, Post, State, Topic
from canale.cli.commands import CommandError
from canale.cli.demo_posts import DESCRIPTION, NAME, POSTS, TOPICS, DemoPost
from canale.cli.migrate import migrate
from canale.core.settings import settings
from canale.followers.device_token import new_token, token_hash
from canale.followers.follow import follow
from canale.publishing.content import Content, NewImage
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw
from canale.reactions.react import react

READERS = 240
FOLLOWERS = 180
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
    channel = create_channel(handle, NAME, DESCRIPTION)
    make_admin(channel, EDITOR, password, by="demo")
    for name in TOPICS:
        Topic.objects.create(channel=channel, slug=slugify(name), name=name)
    rng = random.Random(handle)
    alert: Post | None = None
    for entry in POSTS:
        post = _publish(channel, entry, alert)
        alert = post if entry.kind == "alert" else alert
        if post.state != State.PUBLISHED:
            continue
        # About as many reactions as such a post would get, from invented readers.
        weights = [8, 4, 3, 2, 1, 2][: len(channel.reaction_set)]
        for _ in range(rng.randint(6, READERS // 8)):
            emoji = rng.choices(channel.reaction_set, weights)[0]
            react(post, token_hash(new_token()), emoji)
    for _ in range(FOLLOWERS):
        # Without an address: nothing is ever sent to them.
        follow(channel, new_token(), address=None, topics=[], language="it")
    return channel


def _publish(channel: Channel, entry: DemoPost, alert: Post | None) -> Post:
    moment = _moment(-entry.days_ago, entry.hour)
    post = publish(save_draft(channel, _wording(entry, alert), by="demo"), by="demo", now=moment)
    note, text = entry.correction
    if note:
        corrected = _wording(entry, alert, text)
        correct(post, corrected, note=note, by="demo", now=moment + timedelta(minutes=50))
    if entry.withdrawn:
        withdraw(post, reason=entry.withdrawn, by="demo", now=moment + timedelta(hours=3))
    post.refresh_from_db()
    return post


def _moment(days: int, hour: float) -> datetime:
    """Count days from today, in the city's zone. A post of today is never in the future."""
    now = timezone.now()
    day = timezone.localdate(now) + timedelta(days=days)
    moment = timezone.make_aware(datetime.combine(day, time())) + timedelta(hours=hour)
    return min(moment, now - timedelta(minutes=1)) if days == 0 else moment


def _wording(entry: DemoPost, alert: Post | None, text: str = "") -> Content:
    timed = entry.in_days is not None
    return Content(
        kind=entry.kind,
        headline=entry.headline,
        text=text or entry.text,
        topics=(entry.topic,) if entry.topic else (),
        starts_at=_moment(entry.in_days, entry.at_hour) if entry.in_days is not None else None,
        ends_at=_moment(entry.in_days or 0, entry.until_hour)
        if timed and entry.until_hour
        else None,
        place=entry.place,
        all_clear_of=alert.pk if entry.clears and alert else None,
        images=(NewImage(*entry.image),) if entry.image else (),
    )
