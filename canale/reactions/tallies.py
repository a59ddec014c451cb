# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The counts: kept as counters, never counted per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import F

from canale.reactions.models import Reaction, Tally, Unannounced

Tallies = Counter[tuple[int, str]]
"""By how much the count of an emoji on a post changes: {(post id, emoji): difference}."""


def add(differences: Tallies) -> None:
    """Change counters of locked posts, and mark them as not yet announced to open pages."""
    changed = {key: difference for key, difference in sorted(differences.items()) if difference}
    for (post_id, emoji), difference in changed.items():
        row = Tally.objects.filter(post_id=post_id, emoji=emoji)
        if not row.update(count=F("count") + difference):
            Tally.objects.create(post_id=post_id, emoji=emoji, count=difference)
    Unannounced.objects.bulk_create(
        [Unannounced(post_id=post_id) for post_id in sorted({post_id for post_id, _ in changed})],
        ignore_conflicts=True,
    )


def counts(post_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """{post id: {emoji: count}}, without the zeros; a post without reactions has {}."""
    tallies: dict[int, dict[str, int]] = {post_id: {} for post_id in post_ids}
    rows = Tally.objects.filter(post_id__in=tallies, count__gt=0)
    for post_id, emoji, count in rows.values_list("post_id", "emoji", "count"):
        tallies[post_id][emoji] = count
    return tallies


def finalize(post_id: int) -> dict[str, int]:
    """Delete the reactions of a post and return their final counts."""
    final = counts([post_id])[post_id]
    Reaction.objects.filter(post_id=post_id).delete()
    Unannounced.objects.filter(post_id=post_id).delete()
    return final
