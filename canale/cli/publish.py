# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale publish: one post, from a shell or a script."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from canale.cli import CommandError, chosen

if TYPE_CHECKING:
    from canale.publishing.wording import NewImage

HELP = "publish a post and print its address"
KINDS = ("news", "event", "deadline", "service", "alert")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", required=True, metavar="HANDLE")
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument("--headline", required=True)
    parser.add_argument("--text", default="", help="- reads it from standard input")
    parser.add_argument("--image", action="append", default=[], metavar="FILE")
    parser.add_argument(
        "--alt", action="append", default=[], metavar="TEXT", help="what the image shows; for each"
    )
    parser.add_argument("--topic", action="append", default=[], metavar="SLUG")
    parser.add_argument("--starts-at", type=_moment, metavar="2026-12-24T18:00")
    parser.add_argument("--ends-at", type=_moment, metavar="2026-12-24T20:00")
    parser.add_argument("--place", default="")
    parser.add_argument("--all-clear-of", type=int, metavar="POST", help="the alert that it ends")


def _moment(text: str) -> datetime:
    """Without an offset it is in the city's time zone. Raises ValueError, as argparse expects."""
    from zoneinfo import ZoneInfo

    from canale.settings import settings

    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings.time_zone))


def run(arguments: argparse.Namespace) -> int:
    from django.db import transaction
    from django.utils import translation

    from canale.channel.links import post_url
    from canale.publishing.drafts import keep_draft
    from canale.publishing.publish import publish
    from canale.publishing.wording import PostRefused, Wording, check

    channel = chosen.channel(arguments.channel)
    wording = Wording(
        kind=arguments.kind,
        headline=arguments.headline,
        text=sys.stdin.read() if arguments.text == "-" else arguments.text,
        topics=tuple(arguments.topic),
        starts_at=arguments.starts_at,
        ends_at=arguments.ends_at,
        place=arguments.place,
        all_clear_of=arguments.all_clear_of,
        images=_images(arguments.image, arguments.alt),
    )
    try:
        with translation.override("en"):
            checked = check(channel, wording)
            with transaction.atomic():
                post = publish(keep_draft(channel, checked, by="cli"), by="cli")
    except PostRefused as refused:
        wrong = [f"{_option(name)}: {' '.join(said)}" for name, said in refused.errors.items()]
        raise CommandError(f"not published. {'; '.join(wrong)}") from refused
    sys.stdout.write(post_url(post) + "\n")
    return 0


def _option(name: str) -> str:
    """What gives the field of that name here."""
    return {"images": "--image", "topics": "--topic"}.get(name, "--" + name.replace("_", "-"))


def _images(paths: list[str], alts: list[str]) -> tuple[NewImage, ...]:
    from canale.publishing.wording import NewImage

    if len(paths) != len(alts):
        raise CommandError("each --image needs its --alt, which says what it shows")
    return tuple(NewImage(chosen.file(path), alt) for path, alt in zip(paths, alts, strict=True))
