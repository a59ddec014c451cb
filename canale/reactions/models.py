# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One emoji of one reader on one post, and the counts, which are all that is shown."""

from __future__ import annotations

from django.db import models

from canale.channel.models import Post


class Reaction(models.Model):
    post = models.ForeignKey(Post, models.CASCADE, related_name="reactions", db_index=False)
    token_hash = models.BinaryField(max_length=32)
    """A keyed hash of the random id in the device's cookie, as in followers."""
    emoji = models.CharField(max_length=16)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["post", "token_hash"], name="one_reaction_a_reader"),
        )
        indexes = (models.Index(fields=["token_hash"], name="reaction_by_reader"),)

    def __str__(self) -> str:
        return f"{self.post_id} {self.emoji}"


class Tally(models.Model):
    """How often one emoji was chosen on one post."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="tallies", db_index=False)
    emoji = models.CharField(max_length=16)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["post", "emoji"], name="one_tally_an_emoji"),
        )

    def __str__(self) -> str:
        return f"{self.post_id} {self.emoji} {self.count}"


class Unannounced(models.Model):
    """A post whose counts changed since the last update of the open pages."""

    post = models.OneToOneField(Post, models.CASCADE, primary_key=True)

    def __str__(self) -> str:
        return str(self.post_id)
