# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The numbered lines of a channel's real-time stream."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from canale.channel.models import Channel, Post


class LiveEvent(models.Model):
    class Kind(models.TextChoices):
        POST = "post"
        CORRECTION = "correction"
        WITHDRAWAL = "withdrawal"
        REACTIONS = "reactions"

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="live_events", db_index=False)
    post = models.ForeignKey(Post, models.CASCADE, related_name="live_events")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    data = models.TextField()
    """One line of JSON, as sent."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=["channel", "id"], name="live_backlog"),)

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"
