# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale publish: one post, from a shell or a script."""

from __future__ import annotations

import argparse
import sys

from django.db import transaction
from django.utils import translation

from canale.channel.images import DecodersBusyError
from canale.channel.links import post_url
from canale.cli import inputs
from canale.cli.commands import CommandError
from canale.publishing.content import FIELDS, NewImage, PostRefusedError, check, read_content
from canale.publishing.drafts import keep_draft
from canale.publishing.publish import publish

KINDS = ("news", "event", "deadline", "service", "alert")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Example: canale publish --channel cremona --kind event --headline 'Concert' "
        "--starts-at 2026-12-24T18:00 --place 'Piazza del Comune' --text - < concert.txt"
    )
    parser.add_argument("--channel", required=True, metavar="HANDLE", help=inputs.CHANNEL_HELP)
    parser.add_argument("--kind", required=True, choices=KINDS, help="the kind of post")
    parser.add_argument("--headline", required=True, help="at most 80 characters")
    parser.add_argument(
        "--text", default="", help="at most 1,000 characters; - reads it from standard input"
    )
    parser.add_argument(
        "--image", action="append", default=[], metavar="FILE", help="a picture; repeat for several"
    )
    parser.add_argument(
        "--alt",
        action="append",
        default=[],
        metavar="TEXT",
        help="what the image shows; one for each --image",
    )
    parser.add_argument(
        "--topic", action="append", default=[], metavar="SLUG", help="a topic; repeat for several"
    )
    parser.add_argument(
        "--starts-at",
        metavar="2026-12-24T18:00",
        help="in the city's time; a date alone is the whole day",
    )
    parser.add_argument("--ends-at", metavar="2026-12-24T20:00", help="like --starts-at")
    parser.add_argument("--place", default="", help="where the event takes place")
    parser.add_argument(
        "--all-clear-of",
        type=inputs.number,
        metavar="POST",
        help="the number of the alert that this post ends",
    )


def run(arguments: argparse.Namespace) -> int:
    channel = inputs.channel(arguments.channel)
    fields = {name: value for name, value in vars(arguments).items() if name in FIELDS}
    if arguments.text == "-":
        fields["text"] = inputs.standard_input()
    if len(arguments.image) != len(arguments.alt):
        raise CommandError("each --image needs its --alt, which says what it shows")
    images = zip(arguments.image, arguments.alt, strict=True)
    fields["topics"] = arguments.topic
    fields["images"] = tuple(NewImage(inputs.file(path), alt) for path, alt in images)
    try:
        with translation.override("en"):
            checked = check(channel, read_content(fields))
            with transaction.atomic():
                post = publish(keep_draft(channel, checked, by="cli"), by="cli")
    except DecodersBusyError as error:
        raise CommandError("not published. An image could not be decoded now; try again") from error
    except PostRefusedError as refused:
        options = {"images": "image", "topics": "topic"}
        wrong = [
            f"--{options.get(name, name).replace('_', '-')}: {' '.join(errors)}"
            for name, errors in refused.errors.items()
        ]
        raise CommandError(f"not published. {'; '.join(wrong)}") from refused
    sys.stdout.write(post_url(post) + "\n")
    return 0
