# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""React, change one's mind, take it back."""

from __future__ import annotations

from django.db import transaction

from canale.channel.models import Post
from canale.reactions.models import Reaction
from canale.reactions.tallies import add


class NotInSet(Exception):  # noqa: N818
    def __init__(self, emoji: str) -> None:
        super().__init__(emoji)
        self.emoji = emoji


@transaction.atomic
def react(post: Post, token_hash: bytes, emoji: str) -> None:
    """One reaction of one reader; a second one replaces the first. Raises NotInSet."""
    if emoji not in post.channel.reaction_set:
        raise NotInSet(emoji)
    reaction, created = Reaction.objects.select_for_update().get_or_create(
        post=post, token_hash=token_hash, defaults={"emoji": emoji}
    )
    if created:
        add(post.pk, emoji, 1)
    elif reaction.emoji != emoji:
        # In one order, whoever changes what into what: two readers never wait for each other.
        for one, difference in sorted(((reaction.emoji, -1), (emoji, 1))):
            add(post.pk, one, difference)
        reaction.emoji = emoji
        reaction.save(update_fields=["emoji"])


@transaction.atomic
def take_back(post: Post, token_hash: bytes) -> None:
    _remove(Reaction.objects.select_for_update().filter(post=post, token_hash=token_hash).first())


@transaction.atomic
def forget(token_hash: bytes) -> None:
    """Take back all reactions of a reader."""
    for reaction in Reaction.objects.select_for_update().filter(token_hash=token_hash):
        _remove(reaction)


def _remove(reaction: Reaction | None) -> None:
    if reaction is not None and reaction.delete()[0]:
        add(reaction.post_id, reaction.emoji, -1)


def of_reader(token_hash: bytes) -> dict[int, str]:
    """{post id: emoji} of one reader."""
    rows = Reaction.objects.filter(token_hash=token_hash)
    return dict(rows.values_list("post_id", "emoji"))
