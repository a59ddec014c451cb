# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale resume: sends the rest of failed batches, once their cause is fixed."""

from __future__ import annotations

import argparse
import sys

from django.db import transaction
from django.utils import timezone

from canale.accounts import audit
from canale.channel.links import post_url
from canale.channel.models import Post
from canale.cli import inputs
from canale.cli.commands import CommandError
from canale.delivery.clock import by_the_databases_clock
from canale.delivery.failed_batches import expired, resume


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--post", type=inputs.number, metavar="NUMBER", help="only the batches of this post"
    )


def run(arguments: argparse.Namespace) -> int:
    number: int | None = arguments.post
    if number is not None and not Post.objects.filter(pk=number).exists():
        raise CommandError(
            f"there is no post {number}: a post's number is the last part of its address"
        )
    now = by_the_databases_clock(timezone.now())
    with transaction.atomic():
        resumed = resume(now, number)
        for each in resumed:
            audit.record("cli", "delivery.resumed", each.post.channel.handle, post=each.post.pk)
    for each in resumed:
        sys.stdout.write(f"{post_url(each.post)}\t{_batches(each.batches)}\n")
    left = expired(now, number)
    for each in left:
        sys.stderr.write(
            f"canale: {post_url(each.post)}: {_batches(each.batches)} not resumed: withdrawn, "
            "corrected since, or too old to be news\n"
        )
    if not resumed and not left:
        sys.stdout.write("Nothing was given up.\n")
    return 1 if left and not resumed else 0


def _batches(number: int) -> str:
    return "1 batch" if number == 1 else f"{number} batches"
