# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Set, change or take back reactions: one at a time or hundreds in one transaction.

Every change of reactions locks their posts first, in the order of their ids. Until the commit no
other transaction changes rows of these posts, and there are no deadlocks. Withdrawals and
corrections lock their post, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from canale.channel.models import Post
from canale.reactions.models import Reaction
from canale.reactions.tallies import Tallies, add, counts

Key = tuple[int, bytes]
"""A post's id, and the reader as in `Reaction.token_hash`."""


class ReactionRefusedError(Exception):
    """The post is not visible, or the emoji is not in its channel's set."""


@dataclass(frozen=True, slots=True)
class ReactionChange:
    """One reader's change on one post; an ``emoji`` of None takes the reaction back."""

    post_id: int
    token_hash: bytes
    emoji: str | None

    @property
    def key(self) -> Key:
        return self.post_id, self.token_hash


@transaction.atomic
def apply_changes(changes: Sequence[ReactionChange], now: datetime) -> list[dict[str, int] | None]:
    """Apply changes in order; return each post's counts afterwards, or None if refused.

    A reader has one reaction per post: a later change replaces it.
    """
    rows = Post.objects.select_for_update(of=("self",), no_key=True).select_related("channel")
    ids = {change.post_id for change in changes}
    posts = {post.pk: post for post in rows.filter(pk__in=ids).order_by("pk")}
    possible = [
        (post := posts.get(change.post_id)) is not None
        and (
            change.emoji is None
            or (post.is_visible(now) and change.emoji in post.channel.reaction_set)
        )
        for change in changes
    ]
    wanted = {
        change.key: change.emoji for change, may in zip(changes, possible, strict=True) if may
    }
    add(_write(wanted))
    counted = counts({post_id for post_id, _ in wanted})
    return [
        counted[change.post_id] if may else None
        for change, may in zip(changes, possible, strict=True)
    ]


def _write(wanted: dict[Key, str | None]) -> Tallies:
    """Write the wanted rows; return by how much each count changes."""
    existing = _existing(wanted)
    new: list[Reaction] = []
    changed: dict[str | None, list[int]] = {}
    differences: Tallies = Counter()
    for (post_id, reader), emoji in wanted.items():
        known = existing.get((post_id, reader))
        if emoji == (known and known[1]):
            continue
        if known:
            changed.setdefault(emoji, []).append(known[0])
            differences[post_id, known[1]] -= 1
        elif emoji:
            new.append(Reaction(post_id=post_id, token_hash=reader, emoji=emoji))
        if emoji:
            differences[post_id, emoji] += 1
    Reaction.objects.bulk_create(new)
    for emoji, row_ids in changed.items():
        rows = Reaction.objects.filter(pk__in=row_ids)
        if emoji is None:
            rows.delete()
        else:
            rows.update(emoji=emoji)
    return differences


def _existing(wanted: Collection[Key]) -> dict[Key, tuple[int, str]]:
    """Return existing rows: {(post, reader): (row's id, emoji)}."""
    existing: dict[Key, tuple[int, str]] = {}
    for post_id in {post_id for post_id, _ in wanted}:
        readers = [reader for post, reader in wanted if post == post_id]
        rows = Reaction.objects.filter(post_id=post_id, token_hash__in=readers)
        for row_id, reader, emoji in rows.values_list("pk", "token_hash", "emoji"):
            existing[post_id, bytes(reader)] = (row_id, emoji)
    return existing


def react(post: Post, token_hash: bytes, emoji: str) -> dict[str, int]:
    """The post's counts afterwards. Raises ReactionRefusedError."""
    (counted,) = apply_changes([ReactionChange(post.pk, token_hash, emoji)], timezone.now())
    if counted is None:
        raise ReactionRefusedError
    return counted


def take_back(post: Post, token_hash: bytes) -> dict[str, int]:
    """The post's counts afterwards. Raises ReactionRefusedError when the post is gone."""
    (counted,) = apply_changes([ReactionChange(post.pk, token_hash, None)], timezone.now())
    if counted is None:
        raise ReactionRefusedError
    return counted


@transaction.atomic
def forget(token_hash: bytes) -> None:
    """Take back all reactions of a reader."""
    apply_changes(
        [ReactionChange(post_id, token_hash, None) for post_id in of_reader(token_hash)],
        timezone.now(),
    )


def of_reader(token_hash: bytes) -> dict[int, str]:
    """{post id: emoji} of one reader."""
    rows = Reaction.objects.filter(token_hash=token_hash)
    return dict(rows.values_list("post_id", "emoji"))
